"""``vsrpp evaluate``: the scores of networks, beside bicubic."""

import argparse
import errno
import re
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from vsrpp_core.cli.shared.console import EXIT_DONE, EXIT_FAILED, Progressed, ProgressView, Terminal, complain
from vsrpp_core.cli.shared.options import CHECKPOINT_HELP, add_ensemble, add_precision
from vsrpp_core.errors import UsageError, VsrppError, describe_os_error, os_errors
from vsrpp_core.messages.describe import describe
from vsrpp_core.messages.events import WarningRaised
from vsrpp_core.run.files import beside, write_atomically, write_text_atomically
from vsrpp_core.run.names import place, readable

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from vsrpp_core.apply.evaluate import Options, WorstShown
    from vsrpp_core.apply.score_report import Report


WORST = 4
UNWRITTEN, ELSEWHERE = "could not be written", "choose another place"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=place, metavar="CHECKPOINT", help=CHECKPOINT_HELP)
    parser.add_argument(
        "clips",
        nargs="+",
        type=place,
        metavar="FRAMES_OR_VIDEO",
        help="folders of frames, or videos; .pth and .safetensors files named before them are scored side by side",
    )
    parser.add_argument("--border", type=int, default=0, help="pixels left out at each border (default 0)")
    parser.add_argument(
        "--protocol",
        choices=("BI", "BD", "real"),
        default="BI",
        help="how the LR frames are made: bicubic, Gaussian blur and subsampling, or like old footage (default BI)",
    )
    parser.add_argument(
        "--recipe", type=place, metavar="FILE", help="--protocol real: the degradation of this recipe of vsrpp prepare"
    )
    parser.add_argument("--frames", metavar="N", help="only the first N frames of each clip, or e.g. 10-50, from 1")
    parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON instead of a table")
    parser.add_argument("--csv", type=place, metavar="FILE", help="write the figures there as well (.csv)")
    parser.add_argument(
        "--crops",
        type=place,
        metavar="FOLDER",
        help="write there, for each clip, details of its worst frames: bicubic, network and ground truth",
    )
    parser.add_argument(
        "--worst",
        type=int,
        metavar="N",
        help="--crops: that many frames, those of least PSNR, at most one of 12 in a row (default 4)",
    )
    add_ensemble(parser)
    add_precision(parser, "fp32")


def run(options: argparse.Namespace) -> int:
    named = [options.checkpoint, *options.clips]
    networks = next((index for index, path in enumerate(named) if index and not _is_network(path)), len(named))
    if networks == len(named):
        raise UsageError("no clip is named; add a folder of frames or a video after the checkpoints")
    first, frames = _range(options.frames) if options.frames is not None else (0, 0)
    if options.recipe and options.protocol != "real":
        raise UsageError("--recipe is for --protocol real; add that, or leave the recipe out")
    if options.csv and (options.csv.suffix.lower() != ".csv" or not options.csv.absolute().parent.is_dir()):
        raise UsageError(f"--csv {options.csv}: expected a .csv file in an existing folder")
    if options.worst is not None and (options.worst < 1 or not options.crops):
        raise UsageError(f"--worst {options.worst}: expected 1 or more, with --crops FOLDER")
    from vsrpp_core.apply.evaluate import Options

    how = Options(
        border=options.border,
        precision=options.precision,
        protocol=options.protocol,
        frames=frames,
        first=first,
        ensemble=options.ensemble,
        worst=(options.worst or WORST) if options.crops else 0,
        degrade=_degradation(options.recipe) if options.protocol == "real" else None,
    )
    return show_evaluation(
        list(dict.fromkeys(named[:networks])), named[networks:], how, options.json, options.csv, options.crops
    )


def _degradation(recipe: Path | None) -> "Callable[[NDArray[np.uint8], int], NDArray[np.uint8]]":
    """What a stack of a dataset suffers by ``recipe``, or by the defaults; drawn by the number of the frame."""
    import numpy as np

    from vsrpp_core.prepare.degradation import degrade_real
    from vsrpp_core.prepare.recipe import Recipe

    part = (Recipe.load(recipe) if recipe else Recipe()).degradation
    if recipe and part.kind == "clean":
        raise UsageError(f"{recipe} degrades nothing (degradation.kind = clean); use --protocol BI, or another recipe")
    return lambda stack, number: degrade_real(stack, np.random.default_rng(number), part)[0]


def _range(text: str) -> tuple[int, int]:
    """Frames before the first that is scored, and how many are; UsageError for anything but N and A-B."""
    found = re.fullmatch(r"(?:([0-9]{1,9})-)?([0-9]{1,9})", text)
    if not found:
        raise UsageError(f"--frames {text} is neither a number nor a range; write it like 50 or 10-50")
    first, last = int(found[1] or 1), int(found[2])
    if not 1 <= first <= last:
        raise UsageError(f"--frames {text} leaves nothing to score; name 1 or more")
    return first - 1, last - first + 1


def _is_network(path: Path) -> bool:
    return path.suffix.lower() in (".pth", ".safetensors") and not path.is_dir()


def show_evaluation(
    checkpoints: list[Path],
    clips: list[Path],
    options: "Options",
    as_json: bool,
    out: Path | None,
    crops: Path | None = None,
) -> int:
    """A table of PSNR and SSIM, Y and RGB, per clip and mean, beside bicubic; or the same figures as one JSON line.

    With ``out`` they are written there too, as CSV, whenever a clip is done: what ends the work later costs none. The
    folder ``crops`` gets the sheets of the worst frames.
    """
    from vsrpp_core.apply.evaluate import ClipFailed, ClipScores, WorstShown, compare
    from vsrpp_core.apply.score_report import Report

    terminal, report, failed = Terminal(), Report(checkpoints, options), 0
    if out:
        _try(out)
    sheets = _Sheets(crops, checkpoints) if crops else None
    with ProgressView(Terminal(stderr=True)) as view:  # what is written to a file or read by a script is the figures
        for checkpoint, step in compare(checkpoints, clips, options):
            if isinstance(step, ClipScores):
                report.add(checkpoint, replace(step, sheet=sheets.newest) if sheets else step)
                _write_report(report, out)
            elif isinstance(step, WorstShown):
                if sheets and (error := sheets.write(checkpoint, step)):
                    failed += 1
                    complain(f"vsrpp: {error}")
            elif isinstance(step, ClipFailed):
                report.leave_out(step.place)
                failed += 1
                complain(f"vsrpp: {step.clip} is left out: {step.error}")
            elif isinstance(step, WarningRaised):
                Terminal(stderr=True).say(describe(step).in_full)
            else:
                name = checkpoint.name if len(checkpoints) > 1 else ""
                view.show(Progressed(step.clip, step.done, step.total, figures=name))
    if report.is_empty:
        raise VsrppError("none of the clips could be scored")
    unwritten = _write_report(report, out)
    if as_json:
        terminal.say(report.json())
    else:
        terminal.print(report.table())
        if sheets and sheets.written:
            terminal.say(f"the worst frames: {', '.join(sheets.written)}")
    if unwritten:
        raise VsrppError(unwritten)
    return EXIT_FAILED if failed else EXIT_DONE


class _Sheets:
    """The pictures of the worst frames in ``folder``, one for each clip and network. VsrppError where it cannot be."""

    def __init__(self, folder: Path, checkpoints: list[Path]) -> None:
        from vsrpp_core.apply.score_report import names_of

        with os_errors(folder, UNWRITTEN, ELSEWHERE):
            folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._names = folder, dict(zip(checkpoints, names_of(checkpoints), strict=True))
        self.written: list[str] = []
        self.newest = ""

    def write(self, checkpoint: Path, shown: "WorstShown") -> str:
        """A sentence where that failed, as the scores count all the same; else empty."""
        from vsrpp_core.apply.worst_frames import sheet

        self.newest = ""
        names = readable(shown.clip), readable(self._names[checkpoint])
        picture = sheet(*names, shown.details, is_enlarged=shown.scale > 1)
        prefix = f"{checkpoint.stem}-" if len(self._names) > 1 else ""
        wanted = self._folder / (shown.clip or "clip")
        paths = (beside(wanted, prefix, f"{mark}.png") for mark in chain([""], (f"-{n}" for n in count(2))))
        path = next(path for path in paths if str(path) not in self.written)
        try:
            write_atomically(path, lambda temporary: picture.save(temporary, format="PNG"))
        except OSError as error:
            return describe_os_error(error, path, UNWRITTEN, ELSEWHERE)
        self.newest = str(path)
        self.written.append(self.newest)
        return ""


def _try(out: Path) -> None:
    """VsrppError where ``out`` cannot be written; nothing is changed."""
    with os_errors(out, UNWRITTEN, ELSEWHERE):
        if out.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        with TemporaryFile(dir=out.absolute().parent):
            pass


def _write_report(report: "Report", out: Path | None) -> str:
    """A sentence where it cannot be written, as the figures must be printed all the same; else empty."""
    try:
        if out:
            write_text_atomically(out, readable(report.csv()))
    except OSError as error:
        return describe_os_error(error, out, UNWRITTEN, ELSEWHERE)
    return ""
