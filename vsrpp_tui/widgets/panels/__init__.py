"""Panels: each shows one slice of a state as text. Apart from charts and pictures, which draw."""
