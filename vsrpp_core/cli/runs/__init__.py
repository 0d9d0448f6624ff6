"""Verbs that work on a run: train, tune, configure, import, demonstrate."""
