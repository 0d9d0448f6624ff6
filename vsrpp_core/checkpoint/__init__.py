"""Reading and writing weights: checkpoints, exported networks, and files of the original VSR++.

Apart from ``run`` because it needs torch. May import ``network``, ``run`` and what is below them.
"""
