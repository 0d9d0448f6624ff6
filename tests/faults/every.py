"""Run all campaigns, one after the other, and print a table: what was tried, how often it held, and the seconds.

make faults                                       all of them
python -m tests.faults.every checkpoint_files     some, by their modules
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
WITHOUT_MAIN = ("tally.py", "probe.py", "every.py")


def modules() -> list[str]:
    names = (path.name for path in HERE.glob("[a-z]*.py") if not path.name.startswith("test_"))
    return sorted(name.removesuffix(".py") for name in names if name not in WITHOUT_MAIN)


def command_of(module: str) -> list[str]:
    return [sys.executable, "-m", f"tests.faults.{module}"]


def lines_of(module: str) -> list[dict[str, Any]]:
    """The lines of JSON that a campaign's module prints; one more where it broke off, after some of them or before."""
    began = time.monotonic()
    done = subprocess.run(command_of(module), stdout=subprocess.PIPE, text=True, check=False)
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    seconds = round(time.monotonic() - began)
    lines = [{"seconds": seconds, **line} for line in found]
    if not lines or (done.returncode and all(line["held"] == line["tried"] for line in lines)):
        end = f"{module}, which ended with {done.returncode}"
        lines.append({"faults": end, "tried": 1, "held": 0, "seconds": seconds})
    return lines


def main(names: Sequence[str]) -> None:
    lines = []
    for module in names or modules():
        for line in lines_of(module):
            lines.append(line)
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
    sys.stdout.write(f"\n{'campaign':32}{'tried':>8}{'held':>8}{'seconds':>9}\n")
    for line in lines:
        seconds = line["seconds"] if isinstance(line["seconds"], int) else ""
        sys.stdout.write(f"{line['faults']:32}{line['tried']:>8,}{line['held']:>8,}{seconds:>9}\n")
    sys.exit(any(line["held"] < line["tried"] for line in lines))


if __name__ == "__main__":
    main(sys.argv[1:])
