"""Numbers as people read them."""

from __future__ import annotations

from collections.abc import Callable


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `5 h`, `3 d`: one unit, rounded down, never wider than seven characters."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def took(seconds: float) -> str:
    """How long something took: `340 ms`, `2.4 s`, `12 min`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else duration(seconds)


def count(number: float) -> str:
    """`1 204`, `15.3 k`, `2.1 M`."""
    for size, unit in ((1_000_000, "M"), (10_000, "k")):
        if abs(number) >= size:
            return f"{number / (1_000_000 if unit == 'M' else 1_000):.1f} {unit}"
    return f"{number:,.0f}".replace(",", " ")


def percent(share: float) -> str:
    """A share as a percentage: `7 %`, `0.4 %`."""
    value = share * 100
    return f"{value:.1f} %" if 0 < value < 1 else f"{value:.0f} %"


FILTERS: dict[str, Callable[..., str]] = {"duration": duration, "took": took, "count": count, "percent": percent}
