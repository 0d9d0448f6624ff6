"""``python -m vsrpp_core`` is ``vsrpp``: the form that torchrun starts."""

import sys

from vsrpp_core.cli.main import main

sys.exit(main())
