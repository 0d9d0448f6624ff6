"""Work besides training: checking, preparing and upscaling."""
