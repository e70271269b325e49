"""How fast a connector may ask its target: a token bucket, and the pauses the target itself asks for."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from core.clock import Clock

#: Longest pause a target can ask for, in seconds; more is a mistake at its end.
LONGEST_PAUSE = 24 * 3600
#: Pause when a target says "too many" and not for how long, in seconds.
USUAL_PAUSE = 30


class Pace:
    """One connector's, shared by all threads of its process."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._clock = clock
        self._rate = per_minute / 60
        self._most = float(max(1, per_minute))
        self._left = self._most
        self._counted = clock.now()
        self._not_before: datetime | None = None
        self._lock = threading.Lock()

    def take(self, requests: int) -> float:
        """Take leave for so many requests; 0 when given, else seconds to wait (and nothing was taken)."""
        with self._lock:
            now = self._clock.now()
            if self._not_before is not None and now < self._not_before:
                return max((self._not_before - now).total_seconds(), 0.001)
            # A clock that was set back gives nothing, and takes nothing.
            self._left = min(self._most, self._left + self._rate * max(0.0, (now - self._counted).total_seconds()))
            self._counted = now
            wanted = min(float(requests), self._most)
            if self._left < wanted:
                return (wanted - self._left) / self._rate
            self._left -= wanted
            return 0.0

    def pause(self, retry_after: str | None) -> float:
        """The target wants to be left alone; gives for how many seconds it will be."""
        now = self._clock.now()
        pause = min(max(_asked(retry_after, now), 1.0), LONGEST_PAUSE)
        with self._lock:
            until = now + timedelta(seconds=pause)
            self._not_before = max(until, self._not_before or until)
        return pause


def _asked(retry_after: str | None, now: datetime) -> float:
    """Seconds that a Retry-After header speaks of: a number, or a date (RFC 9110)."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return (parsedate_to_datetime(text) - now).total_seconds()
    except (ValueError, TypeError):
        return float(USUAL_PAUSE)
