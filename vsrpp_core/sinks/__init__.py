"""What listens to a session: each sink receives every event and writes what it is responsible for.

Apart from training, which knows no sink. May import ``run``, ``messages`` and ``errors``.
"""
