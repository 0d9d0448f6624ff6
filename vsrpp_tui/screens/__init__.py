"""Screens place widgets and turn keys into requests to the application.

May import ``widgets``, ``threads``, ``forms``, ``user`` and ``state``, but no trainer.
"""
