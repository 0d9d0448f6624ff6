"""The mathematics: network, loss and metrics as pure modules and functions. Knows nothing of files or runs."""
