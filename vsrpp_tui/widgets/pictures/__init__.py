"""Pictures in half cells: comparisons and files."""
