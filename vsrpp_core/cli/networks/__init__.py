"""Verbs that use a trained network: evaluate, export, upscale."""
