"""What a trained network is for."""
