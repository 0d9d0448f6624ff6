"""Where everything is wired: a run's folder and settings in, a stream of events out."""
