"""A run: training, settings, log, auto-tune."""
