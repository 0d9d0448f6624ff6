"""Upscaling films: sources, segments, encoding, muxing.

A room of its own because a screen uses its events, checks and previews without loading torch; ``upscale.py`` alone
runs the network.
"""
