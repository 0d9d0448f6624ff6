"""Forms as values: what was typed, what it means and what is wrong with it.

Pure: no Textual and no torch, so that every rule of a form is tested without a screen. May import ``state``.
"""
