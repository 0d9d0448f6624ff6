"""What screens show, as values: pure reducers of events."""
