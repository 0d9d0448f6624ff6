"""Reading films: frames, scenes, transitions, tone mapping.

Apart because both ``prepare`` and ``apply`` read films. Loads no torch and imports ``errors`` only.
"""
