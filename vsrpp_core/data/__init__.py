"""From a video to a batch."""
