"""Screens: each places widgets and turns keys into requests to the application."""
