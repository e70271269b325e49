"""A part of a process that is made when it is first asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from core.errors import CasemateError

T = TypeVar("T")

#: Seconds between two tries of a part that could not be made: a broken bundle, a missing sandbox.
RETRY_SECONDS = 10.0


class Once(Generic[T]):
    """Makes a part when it is first asked for and keeps it; a failure is remembered briefly, then tried again."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: T | None = None
        self._failure: CasemateError | None = None
        self._again_at = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> T:
        with self._lock:
            if self._made is None:
                if self._failure is not None and time.monotonic() < self._again_at:
                    raise self._failure
                try:
                    self._made = self._make()
                except CasemateError as error:
                    self._failure, self._again_at = error, time.monotonic() + RETRY_SECONDS
                    raise
            return self._made
