"""Reaches an MCP server over HTTP: one fixed URL, its address checked and pinned, no redirect, no proxy, a size cap."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator

import httpx

from core.errors import ToolRefused
from core.mcp import McpServer
from tools.mcp.screen import Meter

#: Never spoken to, also not as private servers: translated addresses, and where clouds keep metadata.
_NEVER = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "192.0.0.0/24", "fd00:ec2::/32")))
REDIRECTS = range(300, 400)


class Refused(Exception):
    """Why nothing was sent, or an answer was not read; the sentence is ours."""


def check_url(server: McpServer) -> None:
    """Raises:
    ToolRefused: the URL of a server is not one that may be kept.
    """
    try:
        url = httpx.URL(server.url)
    except httpx.InvalidURL:
        raise ToolRefused("This is no URL; give https://host/path.") from None
    if url.scheme not in {"https", "http"} or not url.host:
        raise ToolRefused("The URL of an MCP server begins with https:// and names a host.")
    if url.userinfo or url.fragment:
        raise ToolRefused("The URL of an MCP server holds no login and no fragment; name a secret with --header.")
    if url.scheme == "http" and not server.private:
        raise ToolRefused("Without --private an MCP server is reached by https:// only.")


def is_allowed(address: str, *, private: bool) -> bool:
    """Whether a server may have this address. `private` lets in loopback and networks of one's own, nothing else."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if any(ip in network for network in _NEVER):
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_allowed(str(ip.ipv4_mapped), private=private)
        if ip.sixtofour is not None or ip.teredo is not None:
            return False
        if ip.packed[:12] == bytes(12) and int(ip) > 1:  # IPv4-compatible
            return False
    if ip.is_multicast or ip.is_link_local or ip.is_unspecified:
        return False
    if private:
        return ip.is_global or ip.is_private or ip.is_loopback
    return ip.is_global and not ip.is_reserved


class Fixed(httpx.AsyncBaseTransport):
    """Sends to one host and port only, at an address that was just checked."""

    def __init__(self, server: McpServer, meter: Meter, *, inner: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = httpx.URL(server.url)
        self._private = server.private
        self.meter = meter
        self._inner = inner or httpx.AsyncHTTPTransport(retries=0, trust_env=False)
        #: The last sentence of ours; the client library rewords what it is told.
        self.trouble: str | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._sent(request)
        except Refused as refused:
            self.trouble = str(refused)
            raise

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _sent(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        if (url.scheme, url.host, url.port) != (self._url.scheme, self._url.host, self._url.port):
            raise Refused("It was asked to send to another host than the one that was added.")
        address = await self._address(url)
        pinned = httpx.Request(
            request.method,
            url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": url.host},
        )
        response = await self._inner.handle_async_request(pinned)
        if response.status_code in REDIRECTS or response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            redirected = response.status_code in REDIRECTS
            raise Refused("It answers with a redirect." if redirected else "It answers compressed, unasked.")
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Counted(response.stream, self.meter)
        return response

    async def _address(self, url: httpx.URL) -> str:
        """An address of the host; all of them must be allowed, so that no answer of a resolver slips one in."""
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise Refused("Its name does not resolve.") from None
        addresses = [str(entry[4][0]) for entry in found]
        if not addresses or not all(is_allowed(address, private=self._private) for address in addresses):
            raise Refused("Its address is not one that an MCP server may have; see docs/mcp.md.")
        return addresses[0]


class _Counted(httpx.AsyncByteStream):
    """A body that ends with an error when it is too long."""

    def __init__(self, inner: httpx.AsyncByteStream, meter: Meter) -> None:
        self._inner = inner
        self._meter = meter

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            self._meter.take(len(chunk))
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()
