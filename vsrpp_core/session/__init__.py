"""Where everything is wired: a folder and settings in, a stream of events out.

The only room that knows both auto-tune and training. May import everything in the core but ``cli``.
"""
