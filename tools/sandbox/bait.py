"""What an intruder would want, planted outside of the sandbox for its self-test to reach for."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.sandbox.root import root
from tools.sandbox.tiers import TMP_BYTES


@dataclass(frozen=True, kw_only=True, slots=True)
class Bait:
    """Things that are really there, and really open to this process."""

    folder: Path
    tcp: tuple[str, int]
    udp: tuple[str, int]
    #: A unix socket by path, and one by abstract name (`@name`).
    unix: tuple[str, str]
    #: An inheritable descriptor, as a careless library would leave one open.
    descriptor: int

    def files(self) -> list[str]:
        """Files worth reading."""
        code, home, pid = Path(__file__).resolve().parents[2], Path.home(), os.getpid()
        return [
            *("/etc/shadow", "/etc/passwd", "/etc/hostname", "/proc/self/environ", "/proc/1/root", "/sys/kernel"),
            *("/run", "/var/lib", "/dev/mem", "/dev/shm", "/dev/tty", "/root/.bashrc"),  # noqa: S108 - to be refused
            *(f"/proc/{pid}/environ", f"/proc/{pid}/mem", f"/proc/{pid}/fd/{self.descriptor}", "/proc/self/mem"),
            *map(str, (self.folder / "secret", code / "pyproject.toml", code / "core", code / "tools" / "gate.py")),
            *map(str, (home / ".ssh", home / ".bashrc")),
        ]

    def folders(self) -> list[str]:
        """Folders worth writing to, such as those that a later process of ours loads code from."""
        code, inside = Path(__file__).resolve().parents[2], root(TMP_BYTES)
        return [
            *("/", "/usr", "/usr/lib", "/etc", "/dev", "/dev/shm", "/run", "/var/tmp"),  # noqa: S108 - to be refused
            *("/casemate", "/casemate/tools/investigate", "/casemate/tools/investigate/__pycache__"),
            *(str(code / "tools" / "investigate"), str(code / "tools" / "investigate" / "__pycache__")),
            *(inside.packages, *inside.shown, str(self.folder), str(Path.home())),
        ]


@contextmanager
def planted() -> Iterator[Bait]:
    """Bait for one self-test.

    Raises:
        OSError: nothing can be planted here, so nothing can be proved.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="casemate-selftest-")))
        folder.chmod(0o755)
        (folder / "secret").write_text("secret")
        # Nothing but the sandbox keeps anybody from it.
        (folder / "secret").chmod(0o666)
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        names = (str(folder / "socket"), f"@casemate-selftest-{os.urandom(8).hex()}")
        for name in names:
            unix = stack.enter_context(socket.socket(socket.AF_UNIX))
            unix.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
            unix.listen()
        (folder / "socket").chmod(0o666)
        descriptor = os.open(folder / "secret", os.O_RDONLY)
        stack.callback(os.close, descriptor)
        os.set_inheritable(descriptor, True)
        yield Bait(folder=folder, tcp=tcp.getsockname(), udp=udp.getsockname(), unix=names, descriptor=descriptor)
