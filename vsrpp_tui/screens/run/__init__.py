"""Screens of a run: training, settings, log, auto-tune, watching. May import ``jobs`` and ``shared``, not ``start``."""
