"""The read-only root of a sandbox: Python, the installed packages, the tool code, and nothing else."""

from __future__ import annotations

import compileall
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

#: Where the tool code lies inside the sandbox, so that the path of the checkout is not told.
CODE = "/casemate"
#: The parts of this package a tool may import; the gate and the connectors stay outside.
CODE_PARTS = ("tools/__init__.py", "tools/arguments.py", "tools/limits.py", "tools/outside.py", "tools/tool.py",
              "tools/investigate", "tools/sandbox/__init__.py",
              *(f"tools/sandbox/{name}.py" for name in ("confine", "kernel", "nursery", "runtime", "wire")),
              "tools/sandbox/probes")  # fmt: skip


@cache
def compile_code() -> None:
    """Compile the tool code here, once: inside, nothing can be written, and every nursery would compile it anew."""
    code = Path(__file__).resolve().parents[2]
    for part in CODE_PARTS:
        place = code / part
        done = compileall.compile_dir if place.is_dir() else compileall.compile_file
        done(place, quiet=2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Root:
    """How to start Python inside, and the bubblewrap arguments that make its root."""

    python: str
    packages: str
    #: Folders and files of the host that are shown, at their own places; the tool code is apart.
    shown: tuple[str, ...]
    arguments: tuple[str, ...]

    @property
    def start(self) -> str:
        """The Python program that becomes the nursery, with the tool code at `CODE`."""
        return start(CODE, self.packages)


def start(code: str, packages: str) -> str:
    """The Python program that becomes the nursery, with the tool code below `code`."""
    return (
        f"import sys; sys.path[:0] = ({code!r},); sys.path.append({packages!r}); "
        "from tools.sandbox.nursery import main; main()"
    )


@cache
def root(tmp_bytes: int) -> Root:
    """Computed once per process from the running interpreter, so it fits distribution and pyenv Pythons alike."""
    python = Path(sys.executable).resolve()
    packages = sysconfig.get_path("purelib")
    shown = {str(python), sysconfig.get_path("stdlib"), packages}
    shown |= {sysconfig.get_path("platlib"), *_libpython(), *_system_libraries()}
    places = _outermost(shown)
    code = Path(__file__).resolve().parents[2]
    at = [(path, path) for path in places] + [(str(code / part), f"{CODE}/{part}") for part in CODE_PARTS]
    return Root(python=str(python), packages=packages, shown=tuple(places), arguments=mounts(tmp_bytes, at))


def mounts(tmp_bytes: int, at: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The bubblewrap arguments of a read-only root that shows each of the first at the place of the second."""
    # First: a checkout below /tmp is mounted into it, not hidden by it.
    arguments = ["--size", str(tmp_bytes), "--perms", "0700", "--tmpfs", "/tmp"]  # noqa: S108 - inside the sandbox
    for link in ("/lib", "/lib64", "/lib32"):
        if Path(link).is_symlink():
            arguments += ["--symlink", str(Path(link).readlink()), link]
    for path, place in at:
        arguments += ["--ro-bind", path, place]
    arguments += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache", "--dev-bind", "/dev/null", "/dev/null"]
    # Last: bubblewrap's own root is a writable tmpfs without a limit until it is remounted.
    return (*arguments, "--remount-ro", "/", "--chdir", "/tmp")  # noqa: S108 - inside the sandbox


def _libpython() -> set[str]:
    directory = sysconfig.get_config_var("LIBDIR") or ""
    version = sysconfig.get_config_var("LDVERSION") or sysconfig.get_python_version()
    return {str(path) for path in Path(directory).glob(f"libpython{version}*.so*")} if directory else set()


def _system_libraries() -> set[str]:
    multiarch = sysconfig.get_config_var("MULTIARCH") or "no-multiarch"
    shown = set()
    for base in (Path("/usr/lib"), Path("/usr/lib64"), Path("/lib"), Path("/lib64")):
        if base.is_symlink() or not base.is_dir():
            continue
        if (base / multiarch).is_dir():
            shown |= {str(base / multiarch), *map(str, base.glob("ld-linux*"))}
        else:
            shown.add(str(base))
    return shown


def _outermost(paths: set[str]) -> list[str]:
    kept: list[str] = []
    for path in sorted(paths, key=len):
        if path and Path(path).exists() and not any(path == k or path.startswith(f"{k}/") for k in kept):
            kept.append(path)
    return kept
