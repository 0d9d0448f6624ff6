"""The applications, which connect screens, threads and states.

The top layer: it may import all rooms of the application, and only ``cli`` and ``web`` import it.
"""
