"""Settings that have a name, for ``vsrpp train --preset``. Those that suit a device are chosen by ``tune``."""

from vsrpp_core.run.config import ClippingConfig, LossConfig, ScheduleConfig
from vsrpp_core.run.settings import Overrides

CLASSIC: Overrides = {
    "training.max_steps": 100_000,
    "schedule": ScheduleConfig(
        shape="cosine", lr_max=1e-4, lr_min=1e-6, factor=1.0, warmup_steps=1_000, plateau_factor=0.5, plateau_floor=0.1
    ).model_dump(),
    "loss": LossConfig(
        l1=0.6,
        ms=0.2,
        grad=0.2,
        adaptive=True,
        warmup_steps=-1,
        cooldown_steps=1_000,
        sharpness="absolute",
        recent=20,
        blurred_below=0.75,
        sharp_above=0.92,
        adjust_every=50,
        adjust_up=1.05,
        adjust_down=0.95,
        grad_min=0.15,
        grad_max=0.5,
        ms_max=0.2,
        l1_min=0.3,
        aggressive_below=0.7,
        aggressive_grad_loss=0.025,
        aggressive_l1=0.55,
        aggressive_ms=0.15,
        aggressive_grad=0.3,
        aggressive_every=10,
        aggressive_factor=1.15,
        aggressive_max_steps=5_000,
    ).model_dump(),
    "clipping": ClippingConfig(initial=1.5, percentile=95.0, window=500, minimum=100, smoothing=0.9).model_dump(),
}
"""How the original VSR++ trains: these numbers stay, whatever becomes the default."""

NAMED: dict[str, Overrides] = {"classic": CLASSIC}
