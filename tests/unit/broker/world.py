"""A small internet on the loopback: servers that count who comes, and a broker that may go there."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

from core.clock import FixedClock
from core.errors import TriageError
from core.secret_store import SecretStore
from policies.bundle import BundleSource, default_bundle_path, load_bundle
from policies.compiled import Bundle
from tools.broker.addresses import Address
from tools.broker.desk import Broker, Outside
from tools.broker.questions import Errand
from tools.broker.quotas import Cache, Quotas
from tools.broker.records import Resolver

LOOPBACK = ipaddress.ip_network("127.0.0.1/32")
TICKET = "tkt_00000000000000000000000001"
OTHER = "tkt_00000000000000000000000002"
EVERYTHING = """
tools:
  query_url:
    http_get: {any_public: true, schemes: [http, https], ports: [80, 443, 8080], seconds: 5, max_bytes: 20000}
    dns: {any_public: true}
  query_dns:
    dns: {any_public: true, types: [A, AAAA, MX, TXT, NS, PTR, CNAME], seconds: 1.5}
  whois:
    whois: {any_public: true, seconds: 5}
    http_get: {any_public: true, seconds: 5}
"""
#: What a test's server says: the request in, the bytes of the answer out.
Handler = Callable[[bytes], bytes]


@cache
def bundle(network: str = EVERYTHING) -> Bundle:
    """The default bundle with another `network.yaml`."""
    files = {
        path.name: path.read_text()
        for path in default_bundle_path().glob("*.yaml")
        if not path.name.endswith("_test.yaml")
    }
    return load_bundle(BundleSource.from_files({**files, "network.yaml": network}, name="test"))


@dataclass(kw_only=True)
class Live:
    """What is live; a test changes it, or takes it away."""

    bundle: Bundle | None
    #: What a look at the store finds, when that is something newer.
    newer: Bundle | None = None

    def __call__(self, *, now: bool = False) -> Bundle:
        found = self.newer if now and self.newer is not None else self.bundle
        if found is None:
            raise TriageError("The live policy bundle does not load; run casemate doctor.")
        return found


@dataclass(kw_only=True)
class Names:
    """Stands where the system's resolver stands, and counts what it is asked."""

    known: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    #: Answers of one name that differ from question to question.
    turns: dict[str, list[list[str]]] = field(default_factory=dict)

    async def __call__(self, host: str) -> list[Address]:
        self.asked.append(host)
        found = self.turns[host].pop(0) if self.turns.get(host) else self.known.get(host)
        if found is None:
            raise OSError("no such name")
        return [ipaddress.ip_address(address) for address in found]


@dataclass(kw_only=True)
class Site:
    """One server: answers by path, and everything that came."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    pages: dict[str, bytes | Handler] = field(default_factory=dict)
    #: Paths that are never answered; the connection stays open until the other side closes it.
    silent: set[str] = field(default_factory=set)
    #: Said before anything is asked.
    greeting: bytes = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            if self.greeting:
                writer.write(self.greeting)
                return
            request = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in request.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
            )
            request += await reader.readexactly(length)
            self.requests.append(request)
            path = request.split(b" ", 2)[1].decode("latin-1")
            if path in self.silent:
                await reader.read()
            page = self.pages.get(path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            writer.write(page if isinstance(page, bytes) else page(request))
            await writer.drain()
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


def page(body: str | bytes, *, status: str = "200 OK", kind: str = "text/html; charset=utf-8", **headers: str) -> bytes:
    """A whole answer."""
    raw = body.encode() if isinstance(body, str) else body
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(raw)}\r\n{more}\r\n"
    return head.encode() + raw


def redirect(to: str, status: str = "302 Found") -> bytes:
    return f"HTTP/1.1 {status}\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")


@dataclass(kw_only=True)
class World:
    """Everything there is."""

    broker: Broker
    names: Names
    web: Site
    tls: Site
    live: Live
    clock: FixedClock
    #: Seconds that quotas and cache go by.
    ticks: list[float]
    secrets: Path

    async def ask(
        self, kind: str, *, tool: str = "query_url", ticket: str | None = TICKET, **question: Any
    ) -> dict[str, Any]:
        network = self.live.bundle.network.digest if self.live.bundle is not None else "0" * 64
        said = {"tool": tool, "ticket": ticket, "network": network, "question": {"kind": kind, **question}}
        return await self.broker.answer(Errand.model_validate(said))

    @property
    def connections(self) -> int:
        return self.web.connections + self.tls.connections


@asynccontextmanager
async def world(
    folder: Path,
    *,
    network: str = EVERYTHING,
    known: Mapping[str, list[str]] | None = None,
    public: bool = True,
    whois: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] | None = None,
    resolver: Resolver | None = None,
    certificate: tuple[Path, Path] | None = None,
) -> AsyncIterator[World]:
    """A broker and its internet. With `public` the loopback counts as public, as no setting could make it."""
    web, tls = Site(), Site()
    context: ssl.SSLContext | None = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate[1])
    servers = [
        await asyncio.start_server(web.serve, "127.0.0.1", 0),
        await asyncio.start_server(tls.serve, "127.0.0.1", 0, ssl=context),
    ]
    if whois is not None:
        servers.append(await asyncio.start_server(whois, "127.0.0.1", 0))
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    web.port, tls.port = ports[:2]
    names = Names(known=dict(known or {}))
    live, clock, ticks = Live(bundle=bundle(network)), FixedClock(), [0.0]
    secrets = folder / "secrets"
    secrets.mkdir(exist_ok=True)
    broker = Broker(
        rules=live,
        secrets=SecretStore(secrets, {}),
        clock=clock,
        outside=Outside(
            resolve=names,
            resolver=resolver or Resolver(),
            public=(LOOPBACK,) if public else (),
            roots=str(certificate[0]) if certificate else None,
            ports=((80, ports[0]), (8080, ports[0]), (443, ports[1]), *([(43, ports[2])] if whois else [])),
        ),
        quotas=Quotas(ticks=lambda: ticks[0]),
        cache=Cache(ticks=lambda: ticks[0]),
    )
    try:
        yield World(broker=broker, names=names, web=web, tls=tls, live=live, clock=clock, ticks=ticks, secrets=secrets)
    finally:
        for server in servers:
            server.close()


def make_certificates(folder: Path, *names: str, days_old: int = 10) -> tuple[Path, Path]:
    """A root, and a certificate for some names with its key: `(root.pem, server.pem)`."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = dt.datetime.now(dt.UTC)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test Root")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])

    def built(name: x509.Name, public: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(root_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=days_old))
            .not_valid_after(now + dt.timedelta(days=30))
        )

    authority = x509.BasicConstraints(ca=True, path_length=None)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    root = (
        built(root_name, root_key.public_key())
        .add_extension(authority, critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        built(subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "root.pem").write_bytes(root.public_bytes(pem))
    (folder / "server.pem").write_bytes(private + leaf.public_bytes(pem))
    return folder / "root.pem", folder / "server.pem"


class DnsServer(asyncio.DatagramProtocol):
    """Answers over UDP from a table: (name, type) → records, or a response code."""

    def __init__(self, table: Mapping[tuple[str, str], list[str] | str]) -> None:
        self.table = table
        self.asked: list[tuple[str, str]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: Any) -> None:
        import dns.flags
        import dns.message
        import dns.rcode
        import dns.rdatatype
        import dns.rrset

        asked = dns.message.from_wire(data)
        question = asked.question[0]
        key = (str(question.name).rstrip(".").lower(), dns.rdatatype.to_text(question.rdtype))
        self.asked.append(key)
        answer = dns.message.make_response(asked)
        answer.flags |= dns.flags.RA
        found = self.table.get(key, [] if any(name == key[0] for name, _ in self.table) else "NXDOMAIN")
        if found == "SILENCE":
            return
        if isinstance(found, str):
            answer.set_rcode(dns.rcode.from_text(found))
        elif found:
            answer.answer.append(dns.rrset.from_text(question.name, 300, "IN", key[1], *found))
        self.transport.sendto(answer.to_wire(), address)


@asynccontextmanager
async def dns_server(table: Mapping[tuple[str, str], list[str] | str]) -> AsyncIterator[tuple[DnsServer, Resolver]]:
    """A DNS server on the loopback, and a resolver that asks it."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: DnsServer(table), local_addr=("127.0.0.1", 0), family=socket.AF_INET
    )
    port = transport.get_extra_info("sockname")[1]
    try:
        yield server, Resolver(servers=("127.0.0.1",), port=port)
    finally:
        transport.close()
