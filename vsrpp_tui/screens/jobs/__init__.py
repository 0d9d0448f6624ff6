"""Screens of work besides training: checking, preparing, upscaling, and their forms. May import ``shared``."""
