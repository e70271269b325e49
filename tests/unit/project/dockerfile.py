"""Reads Dockerfiles, as far as the tests ask about them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[3]


@dataclass
class Stage:
    """One stage: its base image with the defaults of arguments filled in, and its instructions in order."""

    base: str
    name: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def last(self, instruction: str) -> str:
        """What the last one of a kind says; empty when there is none."""
        return next((text for kind, text in reversed(self.instructions) if kind == instruction), "")

    def all(self, instruction: str) -> list[str]:
        return [text for kind, text in self.instructions if kind == instruction]

    def words(self, instruction: str) -> list[str]:
        """The list that the last ENTRYPOINT or CMD is written as."""
        found: list[str] = json.loads(self.last(instruction))
        return found

    def environment(self) -> dict[str, str]:
        return dict(re.findall(r"([A-Z_]+)=(\S+)", " ".join(self.all("ENV"))))

    def copied(self) -> list[tuple[list[str], str]]:
        """(sources, target) of every COPY from the build context."""
        found = []
        for text in self.all("COPY"):
            words = [word for word in text.split() if not word.startswith("--")]
            if "--from=" not in text:
                found.append((words[:-1], words[-1]))
        return found


def stages(file: Path) -> list[Stage]:
    """The stages of a Dockerfile."""
    text = re.sub(r"^\s*#.*\n", "", file.read_text(), flags=re.MULTILINE)
    found: list[Stage] = []
    arguments: dict[str, str] = {}
    for line in re.sub(r"\\\n", " ", text).splitlines():
        kind, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        if kind == "ARG" and not found:
            name, _, default = rest.partition("=")
            arguments[name] = default
        elif kind == "FROM":
            base, _, name = rest.partition(" AS ")
            found.append(Stage(re.sub(r"\$\{(\w+)\}", lambda match: arguments[match[1]], base), name.strip()))
        elif kind:
            found[-1].instructions.append((kind, rest))
    return found


def left_out(path: str) -> bool:
    """Whether .dockerignore keeps a path of the checkout out of every image."""
    patterns = (ROOT / ".dockerignore").read_text().split()
    places = [str(place) for place in (Path(path), *Path(path).parents)]
    return any(
        fnmatch(Path(place).name, pattern.removeprefix("**/")) if pattern.startswith("**/") else fnmatch(place, pattern)
        for pattern in patterns
        for place in places
    )
