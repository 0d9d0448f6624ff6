"""What a run has learned lately and what limits it, by its journal alone."""
