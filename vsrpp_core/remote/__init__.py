"""A run as another process sees it: which there are, how each stands, and both ends of its socket for commands.

Loads no torch: who looks at a run or steers it does not train.
"""
