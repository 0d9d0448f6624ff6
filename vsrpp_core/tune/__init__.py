"""Auto-tune: which network this device can train, predicted, measured and chosen."""
