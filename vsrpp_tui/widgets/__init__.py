"""Widgets: each shows one slice of a state and knows nothing of the others.

Form fields, footer and text are here; ``panels``, ``charts`` and ``pictures`` are rooms of their own.
May import ``forms``, ``user`` and ``state``.
"""
