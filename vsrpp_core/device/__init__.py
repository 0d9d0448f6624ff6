"""What is known of the device: its kind, its memory, its speed."""
