"""What belongs to the user: preferences, keys, themes, recent runs. May import ``state``."""
