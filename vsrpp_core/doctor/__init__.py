"""Checks of a machine before a week is spent on it: the card, its torch, memory, disks, dataset, terminal and codecs.

Findings are plain data; the words for them are made in ``words.py``, for the command line and for screens.
"""
