"""What a run is on disk: its settings, its folder, its trash. No torch."""
