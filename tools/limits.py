"""What one call of a tool may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one call may use. The defaults fit most tools casemate ships."""

    #: Seconds of wall clock until the whole tree is killed.
    seconds: float = 20.0
    #: Seconds of processor time.
    cpu_seconds: int = 15
    #: Bytes of address space; DuckDB reserves far more than it touches.
    memory: int = 2 * 1024**3
    #: Bytes in any one file; /tmp as a whole never holds more than the default of this.
    file_bytes: int = 16 * 1024**2
    #: Open descriptors.
    descriptors: int = 64
    #: Bytes of the answer.
    output: int = 1024**2
    #: Bytes of the request: 25 MiB of attachments in base64 and a ticket around them.
    request: int = 48 * 1024**2
