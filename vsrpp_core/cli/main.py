"""``vsrpp``: one thin function per verb.

A verb parses its arguments, calls the core and prints; anything worth testing apart lives below. Heavy imports are
made inside the verbs, so that ``vsrpp --help`` answers at once.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from vsrpp_core import __version__
from vsrpp_core.cli.console import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE
from vsrpp_core.errors import UsageError, VsrppError, told

if TYPE_CHECKING:
    from vsrpp_core.run.legacy_settings import OriginalSettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; the exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: waiting threads must not burn the cores
    options = _parser().parse_args(arguments)
    verb: Callable[[argparse.Namespace], int] = options.verb
    try:
        return verb(options)
    except UsageError as error:
        return _complain(error, EXIT_USAGE)
    except VsrppError as error:
        return _complain(error, EXIT_FAILED)
    except KeyboardInterrupt:
        return _complain("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:  # the reader (head, less) has left; nothing more can be said to it
        sys.stderr.close()
        return EXIT_FAILED
    except OSError as error:  # where it happened nobody could say more
        with suppress(OSError):  # it may be the terminal itself that is gone
            _complain(told(error), EXIT_FAILED)
        return EXIT_FAILED


def _complain(error: Exception | str, status: int) -> int:
    Console(stderr=True).print(f"vsrpp: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vsrpp", description="Train a 3x video super-resolution network on your own footage."
    )
    parser.add_argument("--version", action="version", version=f"vsrpp {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    _add_prepare(verbs)
    _add_check(verbs)
    _add_cache(verbs)
    _add_train(verbs)
    _add_tune(verbs)
    _add_config(verbs)
    _add_evaluate(verbs)
    _add_export(verbs)
    _add_upscale(verbs)
    _add_import(verbs)
    _add_demo(verbs)
    return parser


# data


def _add_prepare(verbs: Any) -> None:
    parser = verbs.add_parser("prepare", help="make a dataset from videos")
    parser.add_argument("videos", nargs="*", metavar="VIDEO", help="videos, folders of them, or patterns of either")
    parser.add_argument("--out", type=Path, metavar="ROOT", help="dataset folder to make")
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="what to make of which videos, in TOML")
    parser.add_argument("--recipe-example", action="store_true", help="print a recipe of all defaults, and end")
    parser.add_argument("--fresh", action="store_true", help="begin anew instead of going on with what was interrupted")
    parser.add_argument(
        "--patch", type=int, help="side of the ground-truth patch, pixels, a multiple of 3 (default 540)"
    )
    parser.add_argument("--frames", type=int, help="frames in a stack, odd (default 5)")
    parser.add_argument("--frame-step", type=int, help="a stack takes every so many-th frame (default 1)")
    parser.add_argument(
        "--height",
        type=int,
        help="shrink higher frames to this height first, which hides the noise of web video (default: as they are)",
    )
    parser.add_argument("--per-minute", type=float, help="places tried per minute of video (default 60)")
    parser.add_argument("--patches", type=int, help="training pairs in all (default: as many as there are)")
    parser.add_argument("--val-share", type=float, help="share of the videos kept for validation (default 0.1)")
    parser.add_argument("--seed", type=int, help="seed of every choice (default 0)")
    parser.add_argument(
        "--degradation",
        choices=("clean", "real"),
        help="LR frames by bicubic alone, or like old footage (default clean)",
    )
    parser.add_argument("--workers", type=int, help="videos and patches worked on at once (default: one a core)")
    _add_settings(parser, "a setting of the recipe, e.g. skip.text=false; may be repeated")
    parser.set_defaults(verb=_prepare)


def _prepare(options: argparse.Namespace) -> int:
    from vsrpp_core.cli.prepare import show_preparation

    return show_preparation(options, _settings(options))


def _add_check(verbs: Any) -> None:
    parser = verbs.add_parser("check", help="read every pair of a dataset and list all that is wrong")
    parser.add_argument("root", type=Path, metavar="ROOT", help="the dataset's folder")
    parser.add_argument("--fix", action="store_true", help="move bad pairs into ROOT/.aside; nothing is deleted")
    parser.add_argument("--dry-run", action="store_true", help="with --fix: only say what would be moved")
    parser.add_argument(
        "--remarks-too", action="store_true", help="with --fix: also move pairs that can be used but are unusual"
    )
    parser.set_defaults(verb=_check)


def _check(options: argparse.Namespace) -> int:
    from vsrpp_core.cli.check import show_check

    if (options.dry_run or options.remarks_too) and not options.fix:
        raise UsageError(f"{'--dry-run' if options.dry_run else '--remarks-too'} says how to fix; add --fix")
    return show_check(options.root, options.fix, options.remarks_too, options.dry_run)


def _add_cache(verbs: Any) -> None:
    parser = verbs.add_parser("cache", help="decode a dataset's training pairs into one file, for faster training")
    parser.add_argument("root", type=Path, metavar="ROOT", help="the dataset's folder")
    parser.add_argument("--remove", action="store_true", help="delete that file")
    parser.set_defaults(verb=_cache)


def _cache(options: argparse.Namespace) -> int:
    from vsrpp_core.cli.check import show_cache

    return show_cache(options.root, options.remove)


# training


def _add_train(verbs: Any) -> None:
    parser = verbs.add_parser("train", help="train a run, without a screen")
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument("--data", type=Path, metavar="ROOT", help="dataset folder; a resumed run knows its own")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    start.add_argument("--fresh", action="store_true", help="move what the run holds into its .trash and start anew")
    parser.add_argument(
        "--from",
        default="",
        metavar="NAME",
        dest="checkpoint",
        help="with --resume: go on from this checkpoint of the run; newer ones move into its .trash",
    )
    _add_settings(parser)
    parser.set_defaults(verb=_train)


def _add_settings(
    parser: argparse.ArgumentParser,
    what: str = "a setting as in config.toml, e.g. training.batch_size=8; may be repeated",
) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help=what,
    )


def _train(options: argparse.Namespace) -> int:
    from vsrpp_core.cli.train import follow_session, run_session
    from vsrpp_core.session.plan import Start
    from vsrpp_core.session.session import open_session
    from vsrpp_core.training.distributed import ToldByFirstError, ranks_of_this_job

    start: Start = "resume" if options.resume else "fresh"
    settings = _settings(options)
    if options.checkpoint and not options.resume:
        raise UsageError("--from names a checkpoint to resume from; add --resume")
    with ranks_of_this_job() as ranks:
        try:
            ranks.from_first(lambda: _refuse_to_overwrite(options))
            session = open_session(
                options.run, options.data, start=start, overrides=settings, ranks=ranks, checkpoint=options.checkpoint
            )
        except ToldByFirstError:
            return EXIT_FAILED
        return run_session(session) if ranks.is_first else follow_session(session, ranks.rank)


def _refuse_to_overwrite(options: argparse.Namespace) -> None:
    from vsrpp_core.run.folder import RunFolder

    summary = RunFolder(options.run).summary()
    if summary.checkpoints and not (options.resume or options.fresh):
        reached = f"at step {summary.newest.step:,}" if summary.newest else "whose checkpoints are all damaged"
        raise UsageError(
            f"{options.run} already holds a run {reached}; "
            "go on with --resume, or start anew with --fresh (what it holds moves into its .trash)"
        )


def _add_demo(verbs: Any) -> None:
    parser = verbs.add_parser("demo", help="train a small network on photographs, to see the whole line run")
    parser.add_argument("--run", type=Path, help="where to train it (default: the user's data folder)")
    _add_settings(parser)
    parser.set_defaults(verb=_demo)


def _demo(options: argparse.Namespace) -> int:
    from vsrpp_core.cli.train import run_session
    from vsrpp_core.run.folder import demo_run_path
    from vsrpp_core.session.session import open_session

    run = options.run or demo_run_path()
    return run_session(open_session(run, None, start="fresh", demo=True, overrides=_settings(options)))


def _add_import(verbs: Any) -> None:
    parser = verbs.add_parser("import", help="make a run from a checkpoint of the original VSR++, or an export")
    parser.add_argument(
        "checkpoint",
        type=Path,
        metavar="OLD",
        help="a checkpoint (.pth) of the original, or a .safetensors file that vsrpp export wrote",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="the run to make")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="JSON",
        help="the original's settings (default: train_config.json beside OLD, where RUN has none of its own)",
    )
    parser.set_defaults(verb=_import)


def _import(options: argparse.Namespace) -> int:
    from vsrpp_core.session.import_run import adopt

    made = adopt(options.checkpoint, options.run, options.config)
    data = "" if made.config.data.root and Path(made.config.data.root).is_dir() else " --data ROOT"
    lines = [
        *(_taken_over(made.settings) if made.settings else ()),
        *(f"note: {note}" for note in made.notes),
        f"{options.run / made.saved.name} holds step {made.saved.step:,}; "
        f"go on with: vsrpp train {options.run} --resume{data}",
    ]
    Console().print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    return EXIT_DONE


def _taken_over(settings: "OriginalSettings") -> Iterator[str]:
    yield f"settings taken over from {settings.path}:"
    for taken in settings.taken:
        yield f"  {taken.setting} = {taken.value}  ({taken.key})"
    if settings.unused:
        yield f"not taken over, as they have no equivalent here: {', '.join(settings.unused)}"
    if settings.outdone:
        yield f"not taken over, as MODEL_CONFIG says it too: {', '.join(settings.outdone)}"


def _settings(options: argparse.Namespace) -> list[tuple[str, str]]:
    pairs = [text.partition("=") for text in options.settings]
    wrong = [key for key, separator, _ in pairs if not separator]
    if wrong:
        raise UsageError(f"--set {wrong[0]} has no value; write it as KEY=VALUE")
    return [(key.strip(), value.strip()) for key, _, value in pairs]


def _add_tune(verbs: Any) -> None:
    parser = verbs.add_parser("tune", help="find the largest network this device can train")
    parser.add_argument(
        "run", type=Path, nargs="?", metavar="RUN", help="the run whose config.toml takes the result; not for --list"
    )
    parser.add_argument("--data", type=Path, metavar="ROOT", help="dataset folder; its patch size is what is measured")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--list", action="store_true", help="only predict what each rung would take; nothing is written")
    how.add_argument("--choose", type=int, metavar="N", help="take rung N of the list without measuring")
    _add_settings(parser)
    parser.set_defaults(verb=_tune)


def _tune(options: argparse.Namespace) -> int:
    from vsrpp_core.cli.tune import show_choice, show_ladder, show_tuning

    if options.list:
        return show_ladder(options.run, options.data, _settings(options))
    if options.run is None:
        raise UsageError("name the run whose config.toml takes the result: vsrpp tune RUN --data ROOT")
    if options.choose is not None:
        return show_choice(options.run, options.data, options.choose, _settings(options))
    return show_tuning(options.run, options.data, _settings(options))


def _add_config(verbs: Any) -> None:
    parser = verbs.add_parser("config", help="list every setting of a run, its value and meaning")
    parser.add_argument("run", type=Path, nargs="?", metavar="RUN", help="the run's folder (default: all defaults)")
    parser.set_defaults(verb=_config)


def _config(options: argparse.Namespace) -> int:
    from vsrpp_core.cli.train import show_config

    return show_config(options.run)


# use


def _add_evaluate(verbs: Any) -> None:
    parser = verbs.add_parser("evaluate", help="score networks on ground-truth frames beside bicubic")
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="a checkpoint (.pth) of a run")
    parser.add_argument(
        "clips",
        nargs="+",
        type=Path,
        metavar="FRAMES_OR_VIDEO",
        help="folders of frames, or videos; .pth and .safetensors files named before them are scored side by side",
    )
    parser.add_argument("--border", type=int, default=0, help="pixels left out at each border (default 0)")
    parser.add_argument(
        "--protocol",
        choices=("BI", "BD"),
        default="BI",
        help="how the LR frames are made: bicubic, or Gaussian blur and every third pixel (default BI)",
    )
    parser.add_argument("--frames", type=int, metavar="N", help="only the first N frames of each clip")
    parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON instead of a table")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the figures there as well (.csv)")
    _add_precision(parser, "fp32")
    parser.set_defaults(verb=_evaluate)


def _add_precision(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--precision",
        choices=("auto", "fp32", "tf32", "bf16", "fp16"),
        default=default,
        help=f"arithmetic of the network (default {default})",
    )


def _evaluate(options: argparse.Namespace) -> int:
    named = [options.checkpoint, *options.clips]
    count = next((index for index, path in enumerate(named) if index and not _is_network(path)), len(named))
    if count == len(named):
        raise UsageError("no clip is named; add a folder of frames or a video after the checkpoints")
    if options.frames is not None and options.frames < 1:
        raise UsageError(f"--frames {options.frames} leaves nothing to score; name 1 or more")
    if options.csv and (options.csv.suffix.lower() != ".csv" or not options.csv.absolute().parent.is_dir()):
        raise UsageError(f"--csv {options.csv} cannot be; name a .csv file in a folder that exists")
    from vsrpp_core.apply.evaluate import Options
    from vsrpp_core.cli.train import show_evaluation

    how = Options(
        border=options.border, precision=options.precision, protocol=options.protocol, frames=options.frames or 0
    )
    return show_evaluation(list(dict.fromkeys(named[:count])), named[count:], how, options.json, options.csv)


def _is_network(path: Path) -> bool:
    return path.suffix.lower() in (".pth", ".safetensors") and not path.is_dir()


def _add_export(verbs: Any) -> None:
    parser = verbs.add_parser("export", help="write a network for other programs, as safetensors or ONNX")
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="a checkpoint (.pth) of a run")
    parser.add_argument("out", type=Path, metavar="OUT", help="the file to write: .safetensors or .onnx")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT where it exists")
    parser.set_defaults(verb=_export)


def _export(options: argparse.Namespace) -> int:
    from vsrpp_core.cli.train import show_export

    return show_export(options.checkpoint, options.out, options.overwrite)


def _add_upscale(verbs: Any) -> None:
    parser = verbs.add_parser("upscale", help="upscale videos or folders of images 3x")
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="a checkpoint (.pth) of a run")
    parser.add_argument("sources", nargs="+", type=Path, metavar="IN", help="videos, folders of images, or of videos")
    parser.add_argument("out", type=Path, metavar="OUT", help="a video file (.mkv, .mp4, .mov) or a folder")
    parser.add_argument("--preview", metavar="TIME", help="only so much of each, e.g. 5s or 1:30")
    parser.add_argument("--start", metavar="TIME", help="begin there, e.g. 90s or 1:02:30")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT when the new one is complete")
    parser.add_argument("--fresh", action="store_true", help="begin anew instead of going on with an interrupted job")
    parser.add_argument("--force", action="store_true", help="take interlaced and damaged videos as they are")
    parser.add_argument("--drop-tracks", action="store_true", help="leave out tracks that OUT's format cannot hold")
    parser.add_argument("--png", action="store_true", help="make a folder of PNG images of a video")
    parser.add_argument("--fps", metavar="RATE", help="of a folder of images that becomes a video (default 25)")
    parser.add_argument(
        "--codec",
        choices=("libx264", "libx265", "libsvtav1", "ffv1"),
        help="default libx264; libx265 for more than 8 bits or 4096 pixels",
    )
    parser.add_argument(
        "--crf", type=float, help="quality, less is better (default 16 libx264, 18 libx265, 20 libsvtav1)"
    )
    parser.add_argument("--preset", help="effort of the encoder (default medium; 6 for libsvtav1)")
    parser.add_argument("--pixels", metavar="FORMAT", help="pixel format, e.g. yuv420p10le (default: as the source)")
    parser.add_argument("--tile", type=int, default=0, help="largest LR tile, pixels (default 0: by the memory)")
    parser.add_argument(
        "--segment", metavar="TIME", default="10s", help="length of what an interruption costs at most (default 10s)"
    )
    _add_precision(parser, "auto")
    parser.set_defaults(verb=_upscale)


def _upscale(options: argparse.Namespace) -> int:
    from vsrpp_core.cli.upscale import show_upscaling

    return show_upscaling(options)


if __name__ == "__main__":
    sys.exit(main())
