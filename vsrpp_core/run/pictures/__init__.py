"""What is seen of a validation: the comparison picture, and which of earlier validations are kept."""

from PIL import Image

UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What Pillow raises for a file that it cannot read as a picture; SyntaxError is for a broken PNG."""
