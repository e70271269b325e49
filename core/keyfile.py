"""The master key file on disk: made once, read whole, given a new first line without ever being half written."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import VaultError

#: What a key file may let its owner and group do; never anything to others, never more than reading and writing.
MODE_MASK = 0o660

#: Tells two contents of one path apart: when it was written, which file it is, how long it is.
Stamp = tuple[int, int, int]


def stamp(path: Path) -> Stamp | None:
    """Which file lies at `path` now; None when there is none to see."""
    try:
        seen = path.stat()
    except OSError:
        return None
    return (seen.st_mtime_ns, seen.st_ino, seen.st_size)


def read(path: Path) -> str:
    """Raises:
    VaultError: it cannot be read.
    """
    try:
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise VaultError(f"The master key file {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise VaultError(f"The master key file {path} is not base64 text; restore it from your backup.") from None


def make(path: Path, line: str) -> None:
    """Write a first key (mode 0600) where there is no file; of several processes at once, one wins."""
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _draft(path, line, mode=0o600) as draft:
            os.link(draft, path)  # fails if another process was first, whose key then counts
    except FileExistsError:
        pass
    except OSError as error:
        raise VaultError(f"The master key file {path} cannot be made: {error.strerror}.") from None


def prepend(path: Path, line: str) -> None:
    """Put a new key before the others in one step; owner stays, others get no access.

    Raises:
        VaultError: the file cannot be replaced, for instance because it is mounted read-only.
    """
    try:
        with _folder_lock(path.parent):
            old = path.stat()
            with _draft(path, line + path.read_text(encoding="ascii"), mode=old.st_mode & MODE_MASK) as draft:
                if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                    os.chown(draft, old.st_uid, old.st_gid)
                draft.replace(path)
                _sync(path.parent)
    except OSError as error:
        raise VaultError(
            f"The master key file {path} cannot be replaced ({error.strerror}); "
            "put the new key before the others by hand, then run `casemate vault rotate`."
        ) from None


@contextmanager
def _draft(path: Path, content: str, *, mode: int) -> Iterator[Path]:
    """A file beside `path` that is on the disk before anyone may see it under its real name."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _folder_lock(folder: Path) -> Iterator[None]:
    """Two rotations at once come one after the other, so that neither loses the other's key."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
