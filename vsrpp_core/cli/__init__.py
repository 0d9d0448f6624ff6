"""The command ``vsrpp``: which verbs there are, and finding the one that was asked for.

The top layer: it may import everything in the core, and nothing in the core imports it. A verb is a module, in
``runs``, ``datasets`` or ``networks`` by what it works on; heavy imports are made inside the verbs. What verbs have in
common is in ``shared``.
"""
