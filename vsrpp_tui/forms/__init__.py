"""Forms as values: what was typed, what it means and what is wrong with it. Pure."""
