"""Reading films: frames, scenes, transitions, tone mapping. No torch."""
