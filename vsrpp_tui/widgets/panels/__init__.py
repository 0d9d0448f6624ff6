"""Panels: each shows one slice of a state."""
