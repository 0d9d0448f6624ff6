"""Auto-tune: which network this device can train, predicted, measured and chosen.

Above ``training`` because it measures real training steps. May import everything but ``session`` and ``cli``.
"""
