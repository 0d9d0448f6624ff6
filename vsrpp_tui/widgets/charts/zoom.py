"""Which steps the charts show: zoomed, panned and kept within the existing steps. Pure."""

Window = tuple[float, float]
"""First and last step shown."""

LEAST_STEPS = 20.0
"""The closest look."""


def zoomed(window: Window, factor: float, extent: Window) -> Window | None:
    """``window`` made ``factor`` times as wide: around its middle, but with its end where it was at the curves' end."""
    low, high = window
    width = factor * (high - low)
    middle = (low + high) / 2
    return within((high - width, high) if high >= extent[1] else (middle - width / 2, middle + width / 2), extent)


def panned(window: Window, share: float, extent: Window) -> Window | None:
    """``window`` moved by a share of its width."""
    by = share * (window[1] - window[0])
    return within((window[0] + by, window[1] + by), extent)


def within(window: Window, extent: Window) -> Window | None:
    """``window``, moved into ``extent`` and not narrower than LEAST_STEPS; None where it holds all of that."""
    (low, high), (first, last) = window, extent
    width = max(high - low, LEAST_STEPS)
    if width >= last - first:
        return None
    low = min(max((low + high - width) / 2, first), last - width)
    return low, low + width
