"""Long pages travel compressed.

How long a compressed page is tells something of what is in it, also to those who cannot read it (BREACH): it holds the
token of the visitor's session beside text that a link can choose. So every answer gets a different number of bytes that
mean nothing, in the file name that gzip allows for; guessing then takes thousands of times as many pages.
"""

from __future__ import annotations

import secrets
import struct
import zlib

from fastapi import Request, Response

#: Quick; better levels save little on pages.
LEVEL = 5
#: Bytes that mean nothing, at most.
PADDING = 128
#: Shorter pages are sent as they are.
WORTH_IT = 4_096


def compressed(request: Request, page: Response) -> Response:
    """`page`, compressed where the browser takes that and it is worth it."""
    content = bytes(page.body)
    page.headers["Vary"] = "Accept-Encoding"
    if len(content) < WORTH_IT or "gzip" not in request.headers.get("accept-encoding", ""):
        return page
    page.body = _padded(content)
    page.headers["Content-Encoding"] = "gzip"
    page.headers["Content-Length"] = str(len(page.body))
    return page


def _padded(content: bytes) -> bytes:
    """A gzip member (RFC 1952) with a file name of random length."""
    name = b"x" * secrets.randbelow(PADDING + 1) + b"\0"
    header = b"\x1f\x8b\x08\x08" + struct.pack("<L", 0) + b"\x00\xff" + name
    body = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    trailer = struct.pack("<LL", zlib.crc32(content), len(content) & 0xFFFFFFFF)
    return header + body.compress(content) + body.flush() + trailer
