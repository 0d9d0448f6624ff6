"""The program that serves one visitor: ``python -m vsrpp_tui.web.visitor RUN``, its browser at the other end of a pipe.

Apart from ``cli``, which is about terminals.
"""

import sys
from pathlib import Path

from vsrpp_tui.app.key_tables import key_tables
from vsrpp_tui.app.watching import AttachedApp
from vsrpp_tui.terminal.browser import BrowserDriver
from vsrpp_tui.terminal.output import captured_output
from vsrpp_tui.threads.priority import lower_priority
from vsrpp_tui.user.preferences import preferences_path, read_preferences

STDOUT = 1


def main(run: Path) -> None:
    lower_priority()  # a visitor waits rather than the training
    app = AttachedApp(run, read_preferences(preferences_path(), key_tables))
    app.driver_class = BrowserDriver
    with captured_output(STDOUT):
        try:
            app.run()
        finally:
            app.tensorboard.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
