"""Times within a film as people write them, in a recipe and on a command line."""


def read_time(text: str) -> float:
    """Seconds of ``90``, ``90s``, ``1:30`` or ``1:02:03.5``; ValueError, in words for the user, for anything else."""
    try:
        parts = [float(part) for part in text.removesuffix("s").split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or not all(0 <= part < 1e9 for part in parts):
        raise ValueError(f'"{text}" is not a time; write it like 90s, 1:30 or 1:02:30')
    return float(sum(part * 60**power for power, part in enumerate(reversed(parts))))
