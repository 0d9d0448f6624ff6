"""The loop: steps, validation, checkpointing, and the commands handled between steps.

Knows neither the folder layout of a session nor auto-tune.
May import ``sinks``, ``adaptive``, ``batches`` and what is below them.
"""
