"""A run as another process sees it: which there are, and how each stands.

Reads what a run leaves on disk and never its process's memory; loads no torch.
"""
