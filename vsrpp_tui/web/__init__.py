"""A run in browsers: the server of the page, and the program that each visitor is given.

Apart from ``app``, since the server loads no screen and outlives every application.
"""
