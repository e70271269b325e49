"""`http_get`: pages, redirects, caps, certificates, and what policy permits of them."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path

import pytest

from tests.unit.broker.world import OTHER, TICKET, make_certificates, page, redirect, world

KNOWN = {"site.example.com": ["127.0.0.1"], "other.example.net": ["127.0.0.1"]}
URL = "http://site.example.com/"


async def test_page_comes_with_its_status_headers_text_and_hashes(tmp_path: Path) -> None:
    async with world(tmp_path, known=KNOWN) as there:
        there.web.pages["/a?b=1"] = page("<title>Grüße</title>", Server="nginx", Set_Cookie="id=1", X_Secret="no")
        answer = await there.ask("http_get", url="http://site.example.com:8080/a?b=1#frag")
    assert answer["reached"]
    assert (answer["status"], answer["url"]) == (200, "http://site.example.com:8080/a?b=1")
    assert answer["text"] == "<title>Grüße</title>"
    assert answer["sha256"] == hashlib.sha256("<title>Grüße</title>".encode()).hexdigest()
    assert answer["headers"]["server"] == "nginx"
    assert answer["sets_cookies"]
    assert "x-secret" not in answer["headers"]
    assert (answer["tls"], answer["complete"], answer["cached"]) == (None, True, False)


async def test_request_carries_the_name_and_nothing_that_identifies_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    async with world(tmp_path, known=KNOWN) as there:
        there.web.pages["/"] = redirect("http://other.example.net/x")
        there.web.pages["/x"] = page("ok", Set_Cookie="a=b")
        await there.ask("http_get", url=URL)
        first, second = [request.decode().lower() for request in there.web.requests]
    assert first.startswith("get / http/1.1\r\nhost: site.example.com\r\n")
    assert second.startswith("get /x http/1.1\r\nhost: other.example.net\r\n")
    for request in (first, second):
        names = {line.partition(":")[0] for line in request.split("\r\n")[1:] if line}
        assert names == {"host", "connection", "accept-encoding", "user-agent", "accept", "accept-language"}
        assert "casemate" not in request


async def test_redirects_are_followed_told_and_end_at_the_cap(tmp_path: Path) -> None:
    async with world(tmp_path, known=KNOWN) as there:
        for number in range(9):
            there.web.pages[f"/{number}"] = redirect(f"/{number + 1}")
        answer = await there.ask("http_get", url="http://site.example.com/0")
        assert there.web.connections == 6
    assert [hop["url"][-2:] for hop in answer["hops"]] == ["/0", "/1", "/2", "/3", "/4", "/5"]
    assert "More than 5 redirects" in answer["stopped"]


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("ftp://other.example.net/", "no http or https"), ("javascript:alert(1)", "no http or https"),
        ("http://other.example.net:22/", "port 22"), ("http://user:pw@other.example.net/", "login"),
        ("https://www.harbourbank.example/", "our own hosts"),
        ("http://other.example.net/?u=anna.lindqvist@harbourbank.example", "something of our own"),
        ("//other.example.net/\\..", "backslashes"),
    ],
)  # fmt: skip
async def test_redirect_that_policy_or_we_do_not_want_is_told_and_not_followed(
    tmp_path: Path, location: str, why: str
) -> None:
    async with world(tmp_path, known=KNOWN) as there:
        there.web.pages["/"] = redirect(location)
        answer = await there.ask("http_get", url=URL)
        assert there.connections == 1
    assert why in answer["stopped"]
    assert answer["status"] == 302


async def test_hosts_schemes_and_ports_are_those_that_policy_lists_at_every_hop(tmp_path: Path) -> None:
    network = "tools: {query_url: {http_get: {hosts: [.example.com], schemes: [http], ports: [80]}}}"
    async with world(tmp_path, network=network, known=KNOWN) as there:
        for url in (
            "http://other.example.net/",
            "http://notexample.com/",
            "https://site.example.com/",
            "http://site.example.com:8080/",
        ):
            assert "Policy does not let" in (await there.ask("http_get", url=url))["refused"]
        assert there.connections == 0
        assert there.names.asked == []
        there.web.pages["/"] = redirect("http://other.example.net/")
        answer = await there.ask("http_get", url=URL)
        assert "Policy does not let" in answer["stopped"]
        assert there.connections == 1


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_decompression_bomb_ends_at_the_cap(tmp_path: Path, coding: str) -> None:
    zeros = b"0" * 50_000_000
    packed = gzip.compress(zeros) if coding == "gzip" else zlib.compress(zeros)
    async with world(tmp_path, known=KNOWN) as there:
        there.web.pages["/"] = page(packed, kind="text/plain", Content_Encoding=coding)
        answer = await there.ask("http_get", url=URL)
    assert (answer["bytes"], answer["complete"]) == (20_000, False)


async def test_endless_body_endless_head_and_silence_end(tmp_path: Path) -> None:
    async with world(tmp_path, known=KNOWN) as there:
        there.web.pages["/body"] = (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 90_000
        )
        there.web.pages["/head"] = b"HTTP/1.1 200 OK\r\n" + b"X-A: y\r\n" * 20_000
        there.web.pages["/none"] = b""
        there.web.pages["/interim"] = b"HTTP/1.1 100 Continue\r\n\r\n" * 50
        there.web.pages["/ssh"] = b"SSH-2.0-OpenSSH_9.2\r\n"
        body = await there.ask("http_get", url=URL + "body")
        assert (body["bytes"], body["complete"]) == (20_000, False)
        for path in ("head", "none", "interim", "ssh"):
            answer = await there.ask("http_get", url=URL + path)
            assert answer["reached"] is False, path
            assert "HTTP" in answer["why"] or "broke off" in answer["why"]


async def test_slow_site_is_left_after_the_seconds_of_the_permit(tmp_path: Path) -> None:
    network = "tools: {query_url: {http_get: {any_public: true, schemes: [http], ports: [80], seconds: 1}}}"
    async with world(tmp_path, network=network, known=KNOWN) as there:
        there.web.silent.add("/slow")
        there.web.pages["/"] = redirect("/slow")
        answer = await there.ask("http_get", url=URL)
    assert answer["why"] == "It did not answer in time."
    assert [hop["status"] for hop in answer["hops"]] == [302]


async def test_bytes_that_are_no_text_are_named_by_their_start_and_their_hash(tmp_path: Path) -> None:
    async with world(tmp_path, known=KNOWN) as there:
        there.web.pages["/"] = page(b"MZ\x90\x00" + b"\x00" * 900, kind="application/octet-stream")
        answer = await there.ask("http_get", url=URL)
    assert answer["text"] is None
    assert answer["start_base64"].startswith("TVqQ")
    assert len(answer["start_base64"]) < 700


@pytest.mark.parametrize("charset", ["zip", "hex", "idna", "utf-7-nonsense", "rot13"])
async def test_charset_that_is_none_of_text_does_no_harm(tmp_path: Path, charset: str) -> None:
    async with world(tmp_path, known=KNOWN) as there:
        there.web.pages["/"] = page("plain", kind=f"text/html; charset={charset}")
        assert (await there.ask("http_get", url=URL))["text"] == "plain"


async def test_certificate_is_shown_and_checked_by_name(tmp_path: Path) -> None:
    pair = make_certificates(tmp_path, "site.example.com", days_old=3)
    async with world(tmp_path, known=KNOWN, certificate=pair) as there:
        there.tls.pages["/"] = page("secret garden")
        good = await there.ask("http_get", url="https://site.example.com/")
        bad = await there.ask("http_get", url="https://other.example.net/")
    assert good["tls"]["valid"]
    assert good["tls"]["names"] == ["site.example.com"]
    assert (good["tls"]["issuer"], good["tls"]["self_signed"]) == ("Test Root", False)
    assert isinstance(good["tls"]["age_days"], int)
    assert not bad["tls"]["valid"]
    assert "ostname" in bad["tls"]["why_not"]
    assert bad["text"] == "secret garden"


async def test_site_without_tls_behind_https_is_a_finding(tmp_path: Path) -> None:
    async with world(tmp_path, known=KNOWN) as there:
        there.tls.greeting = b"220 mail.example.com ESMTP\r\n"
        answer = await there.ask("http_get", url="https://site.example.com/")
    assert (answer["reached"], answer["why"]) == (False, "It speaks no TLS that can be understood.")


async def test_name_without_address_is_a_finding(tmp_path: Path) -> None:
    async with world(tmp_path) as there:
        assert (await there.ask("http_get", url="http://gone.example.com/"))["why"] == "The name has no address."


async def test_answer_is_kept_and_what_is_kept_costs_no_quota(tmp_path: Path) -> None:
    network = (
        "tools: {query_url: {http_get: {any_public: true, schemes: [http], ports: [80], cache_seconds: 60, "
        "quota: {per_hour: 3, per_ticket: 2}}}}"
    )
    async with world(tmp_path, network=network, known=KNOWN) as there:
        there.web.pages["/"] = page("one")
        first = await there.ask("http_get", url=URL)
        again = await there.ask("http_get", url=URL, ticket=OTHER)
        assert (first["cached"], again["cached"], there.connections) == (False, True, 1)
        assert first["at"] == again["at"]
        there.ticks[0] = 61
        assert (await there.ask("http_get", url=URL))["cached"] is False
        assert (
            "quota of 2 questions an hour by query_url for one ticket"
            in (await there.ask("http_get", url=URL + "b"))["refused"]
        )
        assert "refused" not in await there.ask("http_get", url=URL + "c", ticket=OTHER)
        assert (
            "quota of 3 questions an hour by query_url is"
            in (await there.ask("http_get", url=URL + "d", ticket=OTHER))["refused"]
        )
        assert there.connections == 3
        there.ticks[0] = 3700
        assert "refused" not in await there.ask("http_get", url=URL + "e")


async def test_question_that_does_not_leave_costs_no_quota(tmp_path: Path) -> None:
    network = (
        "tools: {query_url: {http_get: {hosts: [.example.com], schemes: [http], ports: [80], quota: {per_ticket: 1}}, "
        "dns: {any_public: true, quota: {per_ticket: 1}}, whois: {any_public: true, quota: {per_ticket: 1}}}}"
    )
    async with world(tmp_path, network=network, known=KNOWN) as there:
        there.web.pages["/"] = page("one")
        for url in ("http://0x7f.1/", "http://10.0.0.1/", "http://other.example.net/", f"{URL}?u=anna.lindqvist"):
            assert "refused" in await there.ask("http_get", url=url)
        for name in ("localhost", "www.harbourbank.example", "10.0.0.1"):
            assert "quota" not in (await there.ask("dns", name=name, type="A"))["refused"]
            assert "quota" not in (await there.ask("whois", name=name))["refused"]
        assert (await there.ask("http_get", url=URL))["status"] == 200
        assert "quota" in (await there.ask("http_get", url=URL + "b"))["refused"]


async def test_two_who_ask_the_same_at_once_ask_once(tmp_path: Path) -> None:
    import asyncio

    async with world(tmp_path, known=KNOWN) as there:
        there.web.pages["/"] = page("one")
        answers = await asyncio.gather(*(there.ask("http_get", url=URL, ticket=t) for t in (TICKET, OTHER, None)))
        assert there.connections == 1
    assert sorted(answer["cached"] for answer in answers) == [False, True, True]
