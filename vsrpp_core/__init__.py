"""VSR++ core: a headless trainer for 3x video super-resolution. Knows torch, never a screen."""

__version__ = "0.1.0"
