"""The applications: what they run, watch and say."""
