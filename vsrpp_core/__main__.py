"""``python -m vsrpp_core`` is ``vsrpp``."""

import sys

from vsrpp_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
