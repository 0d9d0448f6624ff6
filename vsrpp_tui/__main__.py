import sys

from vsrpp_tui.app import main

sys.exit(main())
