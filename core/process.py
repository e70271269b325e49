"""What every process that stays does first: it says nothing it should not, not even when it dies."""

from __future__ import annotations

import gc
import resource

from core.log import configure, hook_last_words

#: Bytes of a core dump. Zero would still let a dump go to a program (`core_pattern = |…`); one is what the kernel
#: itself sets to make no dump at all (core(5), "Piping core dumps to a program").
CORE_BYTES = 1
#: When Python looks for cycles: objects made since, and looks at the young per look at the older ones. A large text
#: makes hundreds of thousands of small objects that are no cycles; looking at them as often as Python does by itself
#: is a quarter of the time of masking it.
GC_THRESHOLDS = (100_000, 50, 100)


def settle(log_level: str) -> None:
    """Set up logs, hooks for last words, and no core dumps: memory holds originals and keys."""
    configure(log_level)
    hook_last_words()
    collect_seldom()
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    most = CORE_BYTES if hard == resource.RLIM_INFINITY else min(CORE_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


def collect_seldom() -> None:
    """Let the garbage collector look less often; memory is freed at once all the same, but for cycles."""
    gc.set_threshold(*GC_THRESHOLDS)
