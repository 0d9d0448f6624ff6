"""What is seen of a validation: the comparison picture, and which of earlier validations are kept."""
