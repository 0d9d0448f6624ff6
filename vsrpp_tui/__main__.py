import sys

from vsrpp_tui.app.app import main

sys.exit(main())
