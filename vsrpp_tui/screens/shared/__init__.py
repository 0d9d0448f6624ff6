"""Screens that several rooms use."""
