"""Before a run: the start screen and what it opens."""
