"""``vsrpp cache``: the decoded training pairs of a dataset in one file."""

import argparse
import time
from contextlib import closing
from pathlib import Path
from threading import Event

from vsrpp_core.cli.shared.console import EXIT_DONE, EXIT_INTERRUPTED, Progressed, ProgressView, Terminal, on_signals
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages.events import PreparationProgressed
from vsrpp_core.run.disk import size_in_words
from vsrpp_core.run.names import place


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("root", type=place, metavar="ROOT", help="the dataset's folder")
    parser.add_argument("--remove", action="store_true", help="delete that file")


def run(options: argparse.Namespace) -> int:
    root: Path = options.root
    if not root.is_dir():
        raise VsrppError(f"{root} is not a folder; name a dataset made by `vsrpp prepare`")
    return _remove(Terminal(), root) if options.remove else _make(Terminal(), root)


def _remove(terminal: Terminal, root: Path) -> int:
    from vsrpp_core.data.build_disk_cache import remove_cache

    removed = remove_cache(root)
    for path, size in removed:
        terminal.say(f"deleted {path}, {size_in_words(size)}; training with data.cache = disk makes it again")
    if not removed:
        terminal.say(f"{root} has no cache")
    return EXIT_DONE


def _make(terminal: Terminal, root: Path) -> int:
    from vsrpp_core.data.build_disk_cache import find_cache, make_cache
    from vsrpp_core.data.disk_cache import header_for
    from vsrpp_core.data.stacked import DatasetFolder, measure
    from vsrpp_core.data.survey import measured

    pairs = list(measured(DatasetFolder(root).pairs("train")))
    if not pairs:
        raise VsrppError(f"{root} has no training pairs (equal names in Patches/LR and Patches/GT)")
    geometry = measure(pairs[0])
    header, begun = header_for(pairs, geometry), time.monotonic()
    contents = f"{len(pairs):,} pairs, {size_in_words(header.file_bytes)}"
    if found := find_cache(root, header):
        terminal.say(f"{found} already exists: {contents}")
        return EXIT_DONE
    terminal.say(f"{root}: decoding {contents}")
    stopping, cache = Event(), None
    making = make_cache(root, pairs, geometry, stopping.is_set)
    with ProgressView(terminal) as view, on_signals(stopping.set), closing(making):
        try:
            while True:
                event = next(making)
                if isinstance(event, PreparationProgressed):
                    view.show(Progressed(event.task, event.done, event.total))
                else:
                    terminal.say(f"warning: {event.message}")
        except StopIteration as end:
            cache = end.value
    if cache is None:
        terminal.say("stopped; nothing was written")
        return EXIT_INTERRUPTED
    terminal.say(
        f"{cache.path}: {contents}, in {time.monotonic() - begun:.1f} s",
        "train from it with --set data.cache=disk",
    )
    return EXIT_DONE
