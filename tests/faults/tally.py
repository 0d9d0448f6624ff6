"""What a campaign counts, and the line of JSON that it ends with: ``tests.faults.every`` makes a table of them."""

import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Tally:
    """``wrong`` are sentences, one for each trial that did not hold; ``outcomes`` count how the others ended."""

    campaign: str
    tried: int = 0
    wrong: list[str] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def held(self, outcome: str) -> None:
        self.tried += 1
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    def failed(self, what: str) -> None:
        self.tried += 1
        self.wrong.append(what)
        sys.stderr.write(f"{self.campaign}: {what}\n")

    def tell(self) -> bool:
        """Print the line; whether everything held."""
        seconds = round(time.monotonic() - self.began)
        report(self.campaign, self.tried, self.tried - len(self.wrong), seconds, **self.outcomes)
        return not self.wrong


def report(campaign: str, tried: int, held: int, seconds: int, **more: Any) -> None:
    line = {"faults": campaign, "tried": tried, "held": held, "seconds": seconds, **more}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
