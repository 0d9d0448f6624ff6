"""From films to training pairs. No torch."""
