"""Resolves a host once, checks every address, and connects to exactly one that was checked. No proxy, ever."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache

import certifi

from tools.broker.addresses import Address, AddressRules, Forbidden
from tools.broker.targets import host_of

#: Addresses of one name that are tried; more are only there to tire out whoever connects.
MAX_TRIED = 4
#: Addresses of one name that are looked at; a name with more is refused.
MAX_ADDRESSES = 64
#: Seconds that a connection, its TLS handshake included, may take.
CONNECT_SECONDS = 5.0
#: Bytes that a stream buffers before it stops reading.
BUFFER = 64 * 1024

#: Every address of a host, by the resolver of this machine. Raises OSError.
Resolve = Callable[[str], Awaitable[list[Address]]]


class Unreachable(Exception):
    """The other side does not answer as it should; a finding, not a refusal. The sentence names no address."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """One connection to an address that was checked."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    address: Address
    #: The certificate of the other side, DER; None without TLS.
    certificate: bytes | None = None
    tls_version: str | None = None


async def system_resolve(host: str) -> list[Address]:
    """What `getaddrinfo` says: the same as every other program on this machine is told.

    Raises:
        OSError: there is no such name, or the resolver does not answer.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0])) for entry in found))


@dataclass(frozen=True, kw_only=True, slots=True)
class Connector:
    """How the broker reaches anybody."""

    rules: AddressRules
    resolve: Resolve = system_resolve
    #: Certificates that TLS is checked with, beside those of the machine; tests give their own.
    roots: str | None = None
    #: Ports that stand for others; tests listen where they may.
    ports: Mapping[int, int] = field(default_factory=dict)

    async def addresses(self, host: str) -> list[Address]:
        """Every address of a host, all of them public.

        Raises:
            Forbidden: one of them is not.
            Unreachable: the name has none.
        """
        name, address = host_of(host)
        if address is not None:
            self.rules.check(address)
            return [address]
        try:
            found = await self.resolve(name)
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise Unreachable("The name has no address.")
        if len(found) > MAX_ADDRESSES:
            raise Forbidden("leads to more addresses than any honest host has")
        self.rules.check_all(found)
        return found

    @asynccontextmanager
    async def connect(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Connection]:
        """A connection to one of the host's addresses, with the name in SNI when there is TLS.

        Raises:
            Forbidden: an address of the host is not public.
            Unreachable: nothing answers there.
            ssl.SSLCertVerificationError: the certificate is not valid for this host.
        """
        connection = await self._open(await self.addresses(host), host, port, tls)
        try:
            yield connection
        finally:
            connection.writer.close()
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                # A peer that never closes must not hold us; the transport is dropped at once.
                connection.writer.transport.abort()

    async def _open(self, addresses: list[Address], host: str, port: int, tls: ssl.SSLContext | None) -> Connection:
        why = "Nothing answers there."
        port = self.ports.get(port, port)
        for address in addresses[:MAX_TRIED]:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    reader, writer = await asyncio.open_connection(
                        str(address), port, ssl=tls, server_hostname=host if tls else None, limit=BUFFER
                    )
            except ssl.SSLCertVerificationError:
                raise
            except ssl.SSLError:
                why = "It speaks no TLS that can be understood."
                continue
            except (OSError, TimeoutError, UnicodeError):
                continue
            layer = writer.get_extra_info("ssl_object")
            return Connection(
                reader=reader,
                writer=writer,
                address=address,
                certificate=layer.getpeercert(binary_form=True) if layer else None,
                tls_version=layer.version() if layer else None,
            )
        raise Unreachable(why)


@cache
def verifying(roots: str | None = None) -> ssl.SSLContext:
    """TLS that checks the certificate: by the roots of this machine, and those that certifi carries."""
    context = ssl.create_default_context()
    context.load_verify_locations(roots or certifi.where())
    return context


@cache
def unverifying() -> ssl.SSLContext:
    """TLS that only looks at the certificate, for the one case where a page with a bad one is what we want to see."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
