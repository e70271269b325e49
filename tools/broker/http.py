"""One HTTP exchange over one connection: headers and body within caps, nothing kept between two of them."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import h11

from tools.broker.connecting import Connection, Connector, Unreachable, unverifying, verifying
from tools.broker.targets import Target

#: Bytes of status line and headers.
MAX_HEAD = 64 * 1024
#: Bytes read at a time.
CHUNK = 32 * 1024
#: Interim answers (1xx) that are passed over.
MAX_INTERIM = 8


@dataclass(kw_only=True, slots=True)
class Answer:
    """What one exchange brought."""

    status: int
    #: By lower-case name; of a name that stands twice, the values joined with commas.
    headers: dict[str, str]
    body: bytes
    #: The body ended before the cap, and in the way it said it would.
    complete: bool
    address: str
    certificate: bytes | None = None
    tls_version: str | None = None
    #: Why the certificate does not hold; None when it does, or without TLS.
    bad_certificate: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """One request as the broker makes it; the tool decides none of this."""

    target: Target
    max_bytes: int
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    #: Look at the page although its certificate does not hold. Never with credentials.
    any_certificate: bool = False


async def exchange(connector: Connector, request: Exchange) -> Answer:
    """Send one request and read its answer.

    Raises:
        Forbidden: an address of the host is not public.
        Unreachable: nothing answers, or not in HTTP.
    """
    target = request.target
    if target.scheme == "http":
        async with connector.connect(target.host, target.port) as connection:
            return await _talk(connection, request)
    try:
        async with connector.connect(target.host, target.port, tls=verifying(connector.roots)) as connection:
            return await _talk(connection, request)
    except ssl.SSLCertVerificationError as error:
        why = (error.verify_message or "does not hold")[:200]
        if not request.any_certificate:
            raise Unreachable(f"Its certificate does not hold: {why}.") from None
    async with connector.connect(target.host, target.port, tls=unverifying()) as connection:
        answer = await _talk(connection, request)
    answer.bad_certificate = why
    return answer


async def _talk(connection: Connection, request: Exchange) -> Answer:
    protocol = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    try:
        head = h11.Request(
            method=request.method,
            target=request.target.path,
            headers=[
                ("Host", request.target.host_header),
                ("Connection", "close"),
                ("Accept-Encoding", "gzip, deflate"),
                *request.headers.items(),
                *([("Content-Length", str(len(request.body)))] if request.body else []),
            ],
        )
        connection.writer.write(protocol.send(head) or b"")
        if request.body:
            connection.writer.write(protocol.send(h11.Data(data=request.body)) or b"")
        connection.writer.write(protocol.send(h11.EndOfMessage()) or b"")
        await connection.writer.drain()
        response = await _head(connection, protocol)
        headers = _headers(response)
        body, complete = await _body(connection, protocol, headers, request.max_bytes)
    except (h11.ProtocolError, ValueError):
        raise Unreachable("It does not answer in HTTP.") from None
    except (OSError, EOFError):
        raise Unreachable("It broke off.") from None
    return Answer(
        status=response.status_code,
        headers=headers,
        body=body,
        complete=complete,
        address=str(connection.address),
        certificate=connection.certificate,
        tls_version=connection.tls_version,
    )


async def _head(connection: Connection, protocol: h11.Connection) -> h11.Response:
    interim = 0
    while True:
        event = await _event(connection, protocol)
        if isinstance(event, h11.Response):
            return event
        if not isinstance(event, h11.InformationalResponse) or (interim := interim + 1) > MAX_INTERIM:
            raise Unreachable("It does not answer in HTTP.")


def _headers(response: h11.Response) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw, value in response.headers:
        name, text = raw.decode("ascii", "replace"), value.decode("latin-1")
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found


async def _body(
    connection: Connection, protocol: h11.Connection, headers: Mapping[str, str], most: int
) -> tuple[bytes, bool]:
    """At most `most` bytes of the body, decompressed, and whether that is all of it."""
    inflate = _Inflate(headers.get("content-encoding", ""), most)
    while True:
        try:
            event = await _event(connection, protocol)
        except (h11.RemoteProtocolError, OSError):
            return inflate.taken(), False  # it broke off; what came is still worth a look
        if isinstance(event, h11.Data):
            if not inflate.feed(bytes(event.data)):
                return inflate.taken(), False
        else:
            return inflate.taken(), inflate.ended()


async def _event(connection: Connection, protocol: h11.Connection) -> object:
    while True:
        event = protocol.next_event()
        if event is not h11.NEED_DATA:
            return event
        protocol.receive_data(await connection.reader.read(CHUNK))


class _Inflate:
    """Decompresses as it comes and never makes more than the cap, whatever the ratio."""

    def __init__(self, encoding: str, most: int) -> None:
        self._most = most
        self._parts: list[bytes] = []
        self._size = 0
        kinds = {"gzip": 31, "x-gzip": 31, "deflate": 15}
        bits = kinds.get(encoding.strip().lower())
        self._inflater = zlib.decompressobj(bits) if bits else None

    def feed(self, data: bytes) -> bool:
        """Take a piece; False when nothing more fits or it cannot be read."""
        if self._inflater is not None:
            try:
                # One byte more than fits shows that there is more.
                data = self._inflater.decompress(data, self._most - self._size + 1)
            except zlib.error:
                return False
        room = self._most - self._size
        self._parts.append(data[:room])
        self._size += min(len(data), room)
        return len(data) <= room

    def ended(self) -> bool:
        return self._inflater is None or self._inflater.eof or not self._parts

    def taken(self) -> bytes:
        return b"".join(self._parts)
