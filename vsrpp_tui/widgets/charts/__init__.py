"""Charts: curves, axes and the window of steps they show."""
