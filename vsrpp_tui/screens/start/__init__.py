"""Before a run: the start screen and what it opens. May import ``jobs`` and ``shared``, not ``run``."""
