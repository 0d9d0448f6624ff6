"""Between Textual and the terminal: the driver, what a terminal sends, and output that must not reach it.

Imports no other room.
"""
