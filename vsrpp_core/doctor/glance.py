"""What is wrong with a machine and takes no time to find: for a start screen.

Separate from examine.py, whose checks compute and write: here nothing does, and no torch is loaded.
"""

from pathlib import Path

from vsrpp_core.data.reader_count import batch_bytes
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
        workers = max(config.data.workers, 0)  # those that the machine chooses fit into it
        found.append(machine.shared_memory(workers, batch_bytes(config, geometry)))
    wrong = [finding for finding in found if finding and finding.problem]
    return sorted(wrong, key=lambda finding: finding.verdict != "fault")
