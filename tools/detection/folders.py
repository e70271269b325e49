"""Where rules lie, and what is wrong with one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.canonical import JsonObject

#: The rules that ship.
SHIPPED = Path(__file__).resolve().parents[1] / "rules"
#: Bytes of one rule file; a larger one is no rule.
MAX_FILE = 8 * 1024**2
YARA_ENDINGS = frozenset({".yar", ".yara"})
SIGMA_ENDINGS = frozenset({".yml", ".yaml"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """A rule, or a whole file of them, that is left out."""

    file: str
    #: Counted from 1.
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"

    def as_json(self) -> JsonObject:
        return {"file": self.file, "line": self.line, "message": self.message}


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleFile:
    """One file of rules, and its name as people know it: below its folder."""

    path: Path
    name: str


def rule_files(folders: Iterable[Path], endings: frozenset[str]) -> Iterator[RuleFile]:
    """Every rule file, in a fixed order; links that lead out of a folder are followed, as its admin meant them."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in endings and path.is_file():
                yield RuleFile(path=path, name=path.relative_to(folder).as_posix())


def stamp(files: Iterable[RuleFile]) -> tuple[tuple[str, int, int], ...]:
    """What changes when a file changes, comes or goes."""
    found = []
    for file in files:
        try:
            state = file.path.stat()
        except OSError:
            continue
        found.append((str(file.path), state.st_mtime_ns, state.st_size))
    return tuple(found)


def read_rules(file: RuleFile) -> str | Problem:
    """The text of a rule file, or why there is none."""
    try:
        if file.path.stat().st_size > MAX_FILE:
            return Problem(file=file.name, line=1, message=f"the file is larger than {MAX_FILE // 1024**2} MiB.")
        return file.path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        return Problem(file=file.name, line=1, message="the file is not UTF-8.")
    except OSError as error:
        return Problem(file=file.name, line=1, message=f"the file cannot be read ({error.strerror}).")
