"""All rules of a process: read at the first call that needs them, and again when a file changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

from core.canonical import JsonObject
from tools.detection.folders import SHIPPED, SIGMA_ENDINGS, YARA_ENDINGS, RuleFile, rule_files, stamp
from tools.detection.sigma_book import SigmaBook, read_book
from tools.detection.yara_book import YaraBook, compile_rules
from tools.tool import Need

#: Seconds for which a folder is taken to be as it was, so that a burst of calls looks at it once.
LOOK_EVERY = 2.0
T = TypeVar("T")


class Rulebooks:
    """The shipped rules and those of the admin's folders. One serves any number of threads."""

    def __init__(
        self,
        *,
        yara: Iterable[Path] = (),
        sigma: Iterable[Path] = (),
        shipped: bool = True,
        look_every: float = LOOK_EVERY,
    ) -> None:
        ours = [SHIPPED] if shipped else []
        self._yara = _Shelf((*(f / "yara" for f in ours), *yara), YARA_ENDINGS, compile_rules, look_every)
        self._sigma = _Shelf((*(f / "sigma" for f in ours), *sigma), SIGMA_ENDINGS, read_book, look_every)

    def yara(self) -> YaraBook:
        return self._yara.book()

    def sigma(self) -> SigmaBook:
        return self._sigma.book()

    def given(self, needs: Iterable[Need]) -> JsonObject:
        """The inputs of a tool that rules are; takes seconds when thousands of rules have to be read."""
        books: dict[Need, Callable[[], YaraBook | SigmaBook]] = {"yara_rules": self.yara, "sigma_rules": self.sigma}
        return {need: books[need]().given() for need in sorted(books.keys() & set(needs))}


class _Shelf(Generic[T]):
    """The rules of some folders, as they are now."""

    def __init__(
        self,
        folders: tuple[Path, ...],
        endings: frozenset[str],
        read: Callable[[Iterable[RuleFile]], T],
        look_every: float,
    ) -> None:
        self._folders = folders
        self._endings = endings
        self._read = read
        self._lock = threading.Lock()
        self._look_every = look_every
        self._looked = 0.0
        self._known: tuple[tuple[tuple[str, int, int], ...], T] | None = None

    def book(self) -> T:
        with self._lock:
            now = time.monotonic()
            if self._known is None or now - self._looked >= self._look_every:
                files = list(rule_files(self._folders, self._endings))
                seen = stamp(files)
                if self._known is None or self._known[0] != seen:
                    self._known = (seen, self._read(files))
                self._looked = now
            return self._known[1]
