"""A run on disk: settings, ``config.toml``, folder, sidecars, trash.

Loads no torch, so a start screen can describe a run at once; weights are in ``checkpoint``.
May import ``messages`` and ``errors``.
"""
