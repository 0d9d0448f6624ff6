"""How a run stands, in the words of a console."""

import math
from pathlib import Path

from vsrpp_core.messages.pace import clock
from vsrpp_core.remote.standing import Standing
from vsrpp_core.run.names import home_for_short

UNKNOWN = "–"


def steps(standing: Standing) -> str:
    return f"{standing.step:,} of {standing.max_steps:,}" if standing.max_steps else UNKNOWN


def speed(standing: Standing) -> str:
    return f"{standing.seconds_per_step:.2f} s/step" if math.isfinite(standing.seconds_per_step) else UNKNOWN


def left(standing: Standing) -> str:
    """Until the end; unknown where nobody trains towards it."""
    return clock(standing.seconds_left) if standing.is_trained and math.isfinite(standing.seconds_left) else UNKNOWN


def best(standing: Standing) -> str:
    return validation(standing.best_psnr, standing.best_gain)


def validation(psnr: float, gain: float) -> str:
    return f"{psnr:.2f} dB ({gain:+.2f})" if math.isfinite(psnr) else UNKNOWN


def name(standing: Standing) -> str:
    return home_for_short(Path(standing.run))
