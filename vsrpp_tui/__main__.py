import sys

from vsrpp_tui.cli import main

sys.exit(main())
