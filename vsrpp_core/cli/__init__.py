"""The command ``vsrpp``, a module per verb.

The top layer: it may import everything in the core, and nothing in the core imports it.
Heavy imports are made inside the verbs.
"""
