"""The loop: steps, validation, checkpoints, and the commands it obeys in between."""
