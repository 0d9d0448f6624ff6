"""The device: which it is, its precision, memory and speed.

Below ``network``, whose inference asks for free memory. May import ``run`` and what is below it.
"""
