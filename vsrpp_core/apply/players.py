"""A network for VapourSynth: a folder with the graph that vs-mlrt loads, a script that feeds it, and the model card.

Separate from export.py, whose files are for programs of one's own: here is what others' programs expect.
"""

from dataclasses import dataclass
from pathlib import Path
from string import Template

from vsrpp_core.apply.export import HALF_TOLERANCE, TOLERANCE, Exported, refuse_without_packages, write_onnx
from vsrpp_core.apply.load_network import build
from vsrpp_core.apply.model_card import NOT_STATED, card_of, write_card
from vsrpp_core.checkpoint.stored_network import StoredNetwork, read_stored
from vsrpp_core.errors import UsageError, command, os_errors
from vsrpp_core.network.tiles import receptive_radius
from vsrpp_core.run.files import write_text_atomically
from vsrpp_core.run.names import readable
from vsrpp_core.video.reading import HD_WIDTH, SD_HEIGHT

TEMPLATE = Path(__file__).with_name("upscale.vpy")
LEAST, USUAL, MOST = (32, 32), (720, 1280), (1080, 1920)
"""Height and width of frames that the TensorRT engine of the printed command takes, and is fastest at."""


@dataclass(frozen=True, slots=True)
class ForVapourSynth:
    """What was written: ``onnx``, ``script`` and ``card``, and the command that makes a TensorRT engine."""

    exported: Exported
    onnx: Path
    script: Path
    card: Path
    trtexec: str


def export_for_vapoursynth(
    checkpoint: Path, folder: Path, *, half: bool = False, licence: str = NOT_STATED, overwrite: bool = False
) -> ForVapourSynth:
    """Write NAME.onnx, NAME.vpy and NAME.md into ``folder``, which is made if necessary; NAME is the folder's.

    The graph is that of ``network_graph`` for "planes". Raises as ``export``.
    """
    folder = folder.resolve()
    if not folder.name:
        raise UsageError(f"{folder} has no name, which the files would have; name a folder in it")
    paths = [folder / f"{folder.name}{suffix}" for suffix in (".onnx", ".vpy", ".md")]
    refuse_without_packages(folder)
    if (there := [path for path in paths if path.exists()]) and not overwrite:
        raise UsageError(f"{there[0]} already exists; name another folder, or replace it with --overwrite")
    network = read_stored(checkpoint)
    onnx, script, card = paths
    about = card_of(network, checkpoint, licence)
    trtexec = _trtexec(folder.name, network, half)
    with os_errors(folder, "could not be written", "choose another place"):
        folder.mkdir(parents=True, exist_ok=True)
        difference = write_onnx(network, onnx, "planes", half, HALF_TOLERANCE if half else TOLERANCE, about.metadata())
        write_text_atomically(script, readable(_script(folder.name, network, half, trtexec)))
        write_card(about, folder.name, card)
        return ForVapourSynth(Exported(network, onnx.stat().st_size, difference), onnx, script, card, trtexec)


def _script(name: str, network: StoredNetwork, half: bool, trtexec: str) -> str:
    overlap = network.form.scale * receptive_radius(
        build(network)
    )  # what vs-mlrt drops of a tile's sides are pixels of the output
    overlap += overlap % 2  # tiles of a network with local alignment begin at even pixels
    values = {
        "call": command(Path(f"{name}.vpy")),
        "scale": network.form.scale,
        "frames": network.form.n_frames,
        "overlap": overlap,
        "twice": 2 * overlap,
        "format": "RGBH" if half else "RGBS",
        "hd_width": HD_WIDTH,
        "sd_height": SD_HEIGHT,
        "trtexec": trtexec,
    }
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(values)


def _trtexec(name: str, network: StoredNetwork, half: bool) -> str:
    planes = 3 * network.form.n_frames
    sizes = zip(("min", "opt", "max"), (LEAST, USUAL, MOST), strict=True)
    shapes = " ".join(f"--{which}Shapes=input:1x{planes}x{height}x{width}" for which, (height, width) in sizes)
    precision = " --fp16 --inputIOFormats=fp16:chw --outputIOFormats=fp16:chw" if half else ""
    files = command(f"--onnx={name}.onnx", f"--saveEngine={name}.engine")
    return f"trtexec {files} {shapes}{precision}"
