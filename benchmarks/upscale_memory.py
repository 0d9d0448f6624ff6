"""Peak memory of upscaling a short film and one ten times as long, each in a process of its own: one JSON line."""

import json
import math
import resource
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

LENGTHS = (100, 1000)
HEIGHT, WIDTH = 72, 96


def write(folder: Path, frames: int, height: int = HEIGHT, width: int = WIDTH) -> tuple[Path, Path]:
    """A network that costs next to nothing, and a film."""
    import av
    import numpy as np

    from vsrpp_core.checkpoint.stored_network import StoredNetwork, write_exported
    from vsrpp_core.network.model import VSRBidirectional3x
    from vsrpp_core.run.config import ModelConfig

    form = ModelConfig(n_feats=4, n_blocks=2, n_frames=5)
    model = VSRBidirectional3x(**form.model_dump())
    checkpoint, film = folder / "network.safetensors", folder / f"{frames}.mkv"
    write_exported(
        StoredNetwork(weights=model.state_dict(), form=form, step=0, quality=math.nan, is_average=False),
        checkpoint,
    )
    wall = np.random.default_rng(1).integers(0, 256, (height, width + frames, 3), dtype=np.uint8)
    with av.open(str(film), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for place in range(frames):
            picture = np.ascontiguousarray(wall[:, place : place + width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return checkpoint, film


def upscale(checkpoint: str, film: str) -> None:
    """Print this process's peak of resident memory, MB."""
    from vsrpp_core.cli.main import main

    assert main(["upscale", checkpoint, film, f"{film}.out.mkv", "--precision", "fp32", "--preset", "ultrafast"]) == 0
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        for frames in LENGTHS:
            paths = write(Path(folder), frames)
            command = [sys.executable, __file__, *map(str, paths)]
            said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            peaks[frames] = round(float(said.splitlines()[-1]), 1)
    print(json.dumps({"benchmark": "upscale_memory", "frame": f"{WIDTH}x{HEIGHT}", "peak_rss_mb": peaks}))


if __name__ == "__main__":
    upscale(*sys.argv[1:]) if len(sys.argv) > 1 else main()
