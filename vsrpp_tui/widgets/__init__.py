"""Widgets: each shows one slice of RunState and knows nothing of the others."""
