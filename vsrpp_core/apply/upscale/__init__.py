"""Upscaling films: sources, segments, encoding, joining."""
