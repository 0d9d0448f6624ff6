"""Verbs on runs that another process trains."""
