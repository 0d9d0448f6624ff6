"""A dataset on disk: reading and checking pairs, quarantine, disk cache, demo dataset.

Loads no torch, so a screen can look at a dataset at once. May import ``run`` and what is below it.
"""
