"""The mathematics: network, loss, metrics and tiled inference, as pure modules and functions.

Knows neither files nor runs. May import ``device``, and settings and events from ``run`` and ``messages``.
"""
