"""What Pillow raises. Apart, as a start screen knows which pictures are kept without loading it."""

from PIL import Image

UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""For a file that it cannot read as a picture; SyntaxError is for a broken PNG."""
