"""What is wrong with a machine and takes no time to find: for a start screen.

Separate from examine.py, whose checks compute and write: here nothing does, and no torch is loaded.
"""

from dataclasses import replace
from pathlib import Path

from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.doctor import machine
from vsrpp_core.doctor.findings import Finding
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.disk import GB


def glance(run: Path, config: RunConfig, geometry: StackGeometry | None) -> list[Finding]:
    """What is wrong, faults first. ``geometry`` is that of the run's dataset, None where there is none."""
    found: list[Finding | None] = [
        machine.open_files(),
        machine.room(run, int(config.checkpoints.min_free_gb * GB)),
        machine.screen(),
    ]
    if geometry:
        side = config.data.crop
        patch = replace(geometry, height=side, width=side) if side else geometry
        found.append(machine.shared_memory(config.data.workers, config.training.batch_size * patch.pair_bytes))
    wrong = [finding for finding in found if finding and finding.problem]
    return sorted(wrong, key=lambda finding: finding.verdict != "fault")
