"""The loop, what it measures, and the session that wires everything."""
