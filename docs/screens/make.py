"""Draw the pictures of every screen, in all its states and at three sizes.

make screens                            all of them
python -m docs.screens.make NAME...     those of the scenes that draw NAME

They are also what tests/vsrpp_tui/screens/test_screens.py holds the screens to: a picture that was looked at and
committed is what the screen has to look like.
"""

import asyncio
import sys
from pathlib import Path

from docs.screens.studio import SCENES
from docs.screens.studio.scene import chosen, file_name, play
from docs.screens.studio.svg import svg_of

HERE = Path(__file__).parent


def main(names: tuple[str, ...]) -> None:
    known = {name for scene in SCENES for name in scene.names}
    if unknown := set(names) - known:
        sys.exit(f"no picture is called {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    drawn = set()
    for scene, size in chosen(names):
        for name, rows in asyncio.run(play(scene, size)).items():
            path = HERE / file_name(name, size)
            path.write_text(svg_of(rows), encoding="utf-8")
            drawn.add(path)
            print(path)
    if not names:
        for path in set(HERE.glob("*.svg")) - drawn:  # of a screen that is gone
            path.unlink()


if __name__ == "__main__":
    main(tuple(sys.argv[1:]))
