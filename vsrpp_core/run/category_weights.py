"""``data.weights`` as a user writes it: how often an epoch shows the pairs of a category.

Separate from config.py because the stream that goes by it reads the same text.
"""

import math

from vsrpp_core.run.settings import RuleError

MOST_TIMES = 100.0


def read_weights(text: str) -> dict[str, float]:
    """By the names of categories, 0 to MOST_TIMES, of ``toon=2, space=0.5``. RuleError where it is not like that."""
    weights = dict[str, float]()
    for part in filter(None, map(str.strip, text.split(","))):
        name, _, number = (word.strip() for word in part.rpartition("="))
        weight = _number(number)
        if not name or not 0 <= weight <= MOST_TIMES:
            why = f"{part} is not a name and a number from 0 to {MOST_TIMES:g}"
            raise RuleError("must be like toon=2, space=0.5", reason=why)
        weights[name] = weight
    return weights


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
