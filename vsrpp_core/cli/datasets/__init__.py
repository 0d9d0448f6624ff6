"""Verbs that work on a dataset: prepare, check, cache."""
