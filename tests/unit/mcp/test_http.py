"""Servers over HTTP: one fixed URL, an address that was checked, no redirects, and a cap on what they say."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp.server.fastmcp import FastMCP
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from core.errors import SecretMissing, ToolRefused
from core.mcp import McpServer
from core.secret_store import SecretStore
from tests.unit.mcp.web import serving
from tools.mcp.adding import checked
from tools.mcp.address import Fixed, is_allowed
from tools.mcp.screen import MAX_SESSION, Meter
from tools.mcp.session import Conversation, NotReached, Reach


def server(url: str, **changes: Any) -> McpServer:
    return McpServer(**{"name": "far", "transport": "http", "url": url, "private": True, "seconds": 5.0, **changes})


def reach(folder: Path, **changes: Any) -> Reach:
    return Reach(secrets=SecretStore(folder), **changes)


async def names(conversation: Conversation) -> list[str]:
    return [one.tool for one in await conversation.tools()]


@pytest.fixture(scope="module")
def honest() -> Iterator[str]:
    """A server made with the real library; it tells what header it was sent."""
    made = FastMCP("far", transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False))

    @made.tool(annotations=ToolAnnotations(readOnlyHint=True))
    def greet(name: str) -> str:
        """Greets somebody."""
        header = made.get_context().request_context.request.headers.get("x-key", "")  # type: ignore[union-attr]
        return f"Hello {name} {header}"

    with serving(made.streamable_http_app()) as address:
        yield f"{address}/mcp"


async def test_tools_of_a_real_server_are_listed_and_called_with_its_secret(honest: str, tmp_path: Path) -> None:
    (tmp_path / "far_key").write_text("s3cret\n")

    async def work(conversation: Conversation) -> str:
        [tool] = await conversation.tools()
        assert (tool.tool, tool.read_only, tool.problem) == ("greet", True, None)
        answer = await conversation.call("greet", {"name": "Ada"})
        return str(answer.content[0].text)  # type: ignore[union-attr]

    far = server(honest, headers={"X-Key": "${secret:far_key}"})
    assert await reach(tmp_path).talk(far, work) == "Hello Ada s3cret"


async def test_secret_that_is_missing_is_said(honest: str, tmp_path: Path) -> None:
    with pytest.raises(SecretMissing, match="far_key"):
        await reach(tmp_path).talk(server(honest, headers={"X-Key": "${secret:far_key}"}), names)


def app(answer: Callable[[Request], Any], seen: list[str] | None = None) -> Starlette:
    async def all_paths(request: Request) -> Response:
        if seen is not None:
            seen.append(request.url.path)
        made = answer(request)
        return made if isinstance(made, Response) else await made

    return Starlette(routes=[Route("/{path:path}", all_paths, methods=["GET", "POST", "DELETE"])])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed_not_even_on_the_same_host(tmp_path: Path, status: int) -> None:
    seen: list[str] = []
    site = app(lambda _: RedirectResponse("/elsewhere", status), seen)
    with serving(site) as address, pytest.raises(NotReached, match="redirect"):
        await reach(tmp_path).talk(server(f"{address}/mcp"), names)
    assert set(seen) == {"/mcp"}


async def endless() -> AsyncIterator[bytes]:
    yield b'{"jsonrpc": "2.0", "id": 0, "result": {"x": "'
    for _ in range(10 * MAX_SESSION // 65_536):
        yield b"x" * 65_536


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
async def test_endless_answer_is_cut_off(tmp_path: Path, kind: str) -> None:
    site = app(lambda _: StreamingResponse(endless(), media_type=kind))
    with serving(site) as address, pytest.raises(NotReached, match="cut off"):
        await reach(tmp_path).talk(server(f"{address}/mcp"), names)


async def test_compressed_answer_is_not_opened(tmp_path: Path) -> None:
    bomb = gzip.compress(b"x" * MAX_SESSION * 20)
    answer = Response(bomb, headers={"content-encoding": "gzip"}, media_type="application/json")
    with serving(app(lambda _: answer)) as address, pytest.raises(NotReached, match="compressed"):
        await reach(tmp_path).talk(server(f"{address}/mcp"), names)


@pytest.mark.parametrize(
    "answer",
    [
        Response(status_code=500),
        Response("not json", media_type="application/json"),
        Response("<html>", media_type="text/html"),
        JSONResponse({"jsonrpc": "2.0", "id": 0, "result": {}}),
        JSONResponse({"jsonrpc": "2.0", "id": 0, "error": {"code": 1, "message": "no"}}),
    ],
)
async def test_answer_that_is_none_is_a_sentence(tmp_path: Path, answer: Response) -> None:
    with serving(app(lambda _: answer)) as address, pytest.raises(NotReached):
        await reach(tmp_path).talk(server(f"{address}/mcp"), names)


async def test_silent_server_is_left_after_its_time(tmp_path: Path) -> None:
    async def never(_: Request) -> Response:
        await asyncio.Event().wait()
        return Response()

    with serving(app(never)) as address, pytest.raises(NotReached, match=r"took longer|broke off"):
        await reach(tmp_path).talk(server(f"{address}/mcp", seconds=1.0), names)


#: Where no server may be, also one that an admin calls private.
NEVER = [
    "169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "224.0.0.1", "ff02::1", "0.0.0.0", "::",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:a9fe:a9fe::1", "2001:0:a9fe:a9fe::1", "::ffff:169.254.169.254",
    "::169.254.169.254", "::7f00:1", "fd00:ec2::254", "192.0.0.192", "100.64.0.1", "not an address", "", "2130706433",
    "0x7f000001",
]  # fmt: skip
#: Only where an admin said `--private`.
PRIVATE = ["127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "fd12::1", "::ffff:10.0.0.1"]
PUBLIC = ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", [*NEVER, *PRIVATE])
def test_public_server_is_at_a_public_address(address: str) -> None:
    assert not is_allowed(address, private=False)


@pytest.mark.parametrize("address", NEVER)
def test_private_server_is_not_where_clouds_keep_their_keys(address: str) -> None:
    assert not is_allowed(address, private=True)


def test_addresses_that_are_allowed() -> None:
    assert all(is_allowed(address, private=True) for address in [*PRIVATE, *PUBLIC])
    assert all(is_allowed(address, private=False) for address in PUBLIC)


class Recording(httpx.AsyncBaseTransport):
    """In the place of the network."""

    def __init__(self) -> None:
        self.sent: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps({}).encode()))


@pytest.mark.parametrize("url", ["https://localhost/mcp", "https://127.0.0.1/mcp", "https://[::1]/mcp"])
async def test_name_that_leads_inside_gets_no_request(url: str) -> None:
    network = Recording()
    transport = Fixed(server(url, private=False), Meter(), inner=network)
    with pytest.raises(Exception, match="not one that an MCP server may have"):
        await transport.handle_async_request(httpx.Request("POST", url))
    assert network.sent == []


async def test_request_goes_to_the_address_that_was_checked_under_the_name_that_was_added() -> None:
    network = Recording()
    transport = Fixed(server("https://localhost:8443/mcp"), Meter(), inner=network)
    await transport.handle_async_request(httpx.Request("POST", "https://localhost:8443/mcp"))
    [request] = network.sent
    assert request.url.host in {"127.0.0.1", "::1"}
    assert request.headers["host"] == "localhost:8443"
    assert request.extensions["sni_hostname"] == "localhost"
    with pytest.raises(Exception, match="another host"):
        await transport.handle_async_request(httpx.Request("POST", "https://localhost:9443/mcp"))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"url": "ftp://far.example/mcp"}, "https://"),
        ({"url": "https://"}, "host"),
        ({"url": "https://user:key@far.example/mcp"}, "no login"),
        ({"url": "https://far.example/mcp#x"}, "no fragment"),
        ({"url": "http://far.example/mcp"}, "https:// only"),
        ({"url": "https://far.example:port/mcp"}, "no URL"),
        ({"headers": {"Authorization": "Bearer abc"}}, "in the clear"),
        ({"headers": {"X-Api-Key": "abc"}}, "in the clear"),
        ({"headers": {"X Bad": "abc"}}, "letters, digits"),
        ({"headers": {"X-Fine": "a\r\nb: c"}}, "printable"),
    ],
)
def test_url_or_header_that_may_not_be_kept_is_refused(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    plain: dict[str, Any] = {"url": "https://far.example/mcp", "private": False}
    with pytest.raises(ToolRefused, match=why):
        checked(server(**{**plain, **changes}), home=tmp_path)


def test_header_with_a_reference_is_kept(tmp_path: Path) -> None:
    far = server("https://far.example/mcp", headers={"Authorization": "Bearer ${secret:far_key}"})
    assert checked(far, home=tmp_path) == far
