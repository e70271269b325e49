"""DNS, WHOIS and vendors: what comes back, what is refused, where a key goes."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.broker.world import OTHER, dns_server, make_certificates, page, redirect, world

NETWORK = """
tools:
  lookup_reputation:
    vendor: {names: [acme, post]}
vendors:
  acme:
    takes:
      ip: {url: "https://acme.example.com/v3/ip/{value}"}
      url: {url: "https://acme.example.com/v3/urls/{base64url}"}
      domain: {url: "https://acme.example.com/v3/domains/{value}?q={value}"}
      hash: {url: "https://acme.example.com/v3/files/{value}"}
    headers: {x-apikey: "Bearer ${secret:acme_key}"}
    result: {malicious: data.stats.malicious, harmless: data.stats.harmless, score: data.score, tags: data.tags,
             verdict: data.names.0, first_seen: data.first}
    malicious_from: {votes: 3, score: 80, verdicts: [Trojan]}
    quota: {per_minute: 2, per_day: 4}
  post:
    takes: {url: {url: "https://post.example.com/api", form: {url: "{value}", mode: x}},
            hash: {url: "https://post.example.com/api", json: {query: "get", hash: "{value}", n: 3}}}
    headers: {Auth-Key: "${secret:post_key}"}
    unknown: {path: query_status, words: [no_results]}
    result: {verdict: threat}
"""
KNOWN = {"acme.example.com": ["127.0.0.1"], "post.example.com": ["127.0.0.1"]}
#: A user name of ours in base32, as data leave over the DNS.
SPELLED = base64.b32encode(b"anna.lindqvist at work").decode().rstrip("=").lower()
TABLE: dict[tuple[str, str], list[str] | str] = {
    ("site.example.com", "A"): ["93.184.215.14", "10.0.0.7"],
    ("site.example.com", "MX"): ["10 mail.example.com.", "20 mail2.example.com."],
    ("site.example.com", "TXT"): ['"v=spf1 " "-all"', '"\\195\\188"'],
    ("14.215.184.93.in-addr.arpa", "PTR"): ["host.example.com."],
    ("broken.example.com", "A"): "SERVFAIL",
    ("slow.example.com", "A"): "SILENCE",
}


def keys(folder: Path) -> None:
    (folder / "acme_key").write_text("s3cret-acme\n")
    (folder / "post_key").write_text("s3cret-post\n")


# --- DNS


async def test_records_come_with_their_kind(tmp_path: Path) -> None:
    async with dns_server(TABLE) as (_, resolver), world(tmp_path, resolver=resolver) as there:
        said = await there.ask("dns", tool="query_dns", name="Site.Example.com", type="A")
        assert said["records"] == [
            {"value": "10.0.0.7", "public": False, "kind": "a private network"},
            {"value": "93.184.215.14", "public": True, "kind": None},
        ]
        assert (said["status"], said["ttl"]) == ("NOERROR", 300)
        texts = await there.ask("dns", tool="query_dns", name="site.example.com", type="TXT")
        assert [record["value"] for record in texts["records"]] == ["v=spf1 -all", "ü"]
        mail = await there.ask("dns", tool="query_dns", name="site.example.com", type="MX")
        assert mail["records"][0] == {"value": "mail.example.com", "preference": 10}
        name = await there.ask("dns", tool="query_dns", name="93.184.215.14", type="PTR")
        assert name["records"] == [{"value": "host.example.com"}]
        nothing = await there.ask("dns", tool="query_dns", name="site.example.com", type="AAAA")
        assert (nothing["status"], nothing["records"]) == ("NOERROR", [])


@pytest.mark.parametrize(
    ("name", "status"),
    [("gone.example.com", "NXDOMAIN"), ("broken.example.com", "SERVFAIL"), ("slow.example.com", "TIMEOUT")],
)
async def test_dns_that_does_not_answer_says_how(tmp_path: Path, name: str, status: str) -> None:
    async with dns_server(TABLE) as (server, resolver), world(tmp_path, resolver=resolver) as there:
        said = await there.ask("dns", tool="query_dns", name=name, type="A")
        assert said["status"] == status
        # No search list: the name is asked for as it stands and in no domain of ours.
        assert {asked for asked, _ in server.asked} == {name}


@pytest.mark.parametrize(
    ("name", "kind", "why"),
    [
        ("www.harbourbank.example", "A", "our own hosts"), ("10.20.14.31", "PTR", "private network"),
        ("site.example.com", "PTR", "PTR asks about an address"), ("site.example.com", "CAA", "Policy does not let"),
        ("anna-lindqvist.example.com", "A", "something of our own"), ("localhost", "A", "without a domain"),
        (f"{SPELLED[:20]}.{SPELLED[20:]}.example.com", "A", "something of our own"),
        ("SRV-PAY-01.example.com", "A", "something of our own"),
    ],
)  # fmt: skip
async def test_name_that_must_not_be_asked_about_reaches_no_resolver(
    tmp_path: Path, name: str, kind: str, why: str
) -> None:
    async with dns_server(TABLE) as (server, resolver), world(tmp_path, resolver=resolver) as there:
        said = await there.ask("dns", tool="query_dns", name=name, type=kind)
        assert why in said["refused"]
        assert server.asked == []


# --- WHOIS


async def whois_servers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All servers at one door: the one that is asked is told apart by how it wants to be asked."""
    line = (await reader.readline()).decode()
    answers = {
        "phish.example.com\r\n": "refer: whois.verisign-grs.com\ncreated: 1985-01-01\n",
        "domain phish.example.com\r\n": "Registrar WHOIS Server: whois.registrar.example.net\n",
        "93.184.215.14\r\n": "refer: 127.0.0.1\nwhois: localhost\nReferralServer: whois://10.0.0.1:4321\n",
    }
    writer.write(answers.get(line, "x" * 200_000).encode())
    await writer.drain()
    writer.close()


async def test_referrals_are_followed_as_far_as_policy_lets_and_to_public_hosts_only(tmp_path: Path) -> None:
    known = {
        "whois.iana.org": ["127.0.0.1"],
        "whois.verisign-grs.com": ["127.0.0.1"],
        "whois.registrar.example.net": ["10.0.0.1"],
    }
    async with world(tmp_path, known=known, whois=whois_servers) as there:
        said = await there.ask("whois", tool="whois", name="phish.example.com")
        assert [answer["server"] for answer in said["answers"]] == ["whois.iana.org", "whois.verisign-grs.com"]
        assert said["stopped"] == "The next WHOIS server leads to a private network, so it was not asked."
        alone = await there.ask("whois", tool="whois", name="93.184.215.14")
        assert [answer["server"] for answer in alone["answers"]] == ["whois.iana.org"]
        large = await there.ask("whois", tool="whois", name="large.example.com")
        assert len(large["answers"][0]["text"]) == 64 * 1024
    network = "tools: {whois: {whois: {hosts: [whois.iana.org]}}}"
    async with world(tmp_path, known=known, whois=whois_servers, network=network) as there:
        said = await there.ask("whois", tool="whois", name="phish.example.com")
        assert said["stopped"] == "Policy does not let this tool ask the next WHOIS server."
    async with world(tmp_path, known=known, whois=whois_servers, network=network.replace("iana", "other")) as there:
        assert "Policy does not let" in (await there.ask("whois", tool="whois", name="phish.example.com"))["refused"]


@pytest.mark.parametrize(
    "name", ["x.example.com\r\nfoo", "a b.example.com", "-h evil.example.com", "evil.example.com\n", "*"]
)
async def test_whois_question_is_one_name(tmp_path: Path, name: str) -> None:
    async with world(tmp_path, known={"whois.iana.org": ["127.0.0.1"]}, whois=whois_servers) as there:
        assert "refused" in await there.ask("whois", tool="whois", name=name)
        assert there.names.asked == []


# --- vendors


async def test_vendors_are_asked_with_their_keys_and_their_answers_brought_to_one_form(tmp_path: Path) -> None:
    pair = make_certificates(tmp_path, "acme.example.com", "post.example.com")
    async with world(tmp_path, network=NETWORK, known=KNOWN, certificate=pair) as there:
        keys(there.secrets)
        coded = base64.urlsafe_b64encode(b"http://evil.example.com/a?b=%7Bbase64url%7D").decode().rstrip("=")
        data = {
            "data": {
                "stats": {"malicious": 7, "harmless": True},
                "score": 12,
                "tags": ["a", 1, {}],
                "names": ["Adware"],
            }
        }
        there.tls.pages[f"/v3/urls/{coded}"] = page(json.dumps(data), kind="application/json")
        there.tls.pages["/api"] = page('{"query_status": "no_results"}', kind="application/json")
        said = await there.ask(
            "vendor", tool="lookup_reputation", type="url", value="http://evil.example.com/a?b={base64url}"
        )
        requests = {request.split(b" ")[1]: request for request in there.tls.requests}
    first, second = said["answers"]
    assert first == {
        "vendor": "acme", "found": True, "malicious": True, "malicious_votes": 7, "score": 12.0, "tags": ["a", "1"],
        "verdict": "Adware",
    }  # fmt: skip
    assert second == {"vendor": "post", "found": False}
    get, post = requests[f"/v3/urls/{coded}".encode()], requests[b"/api"]
    assert b"x-apikey: Bearer s3cret-acme\r\n" in get
    assert b"s3cret" not in post.replace(b"Auth-Key: s3cret-post", b"")
    assert post.endswith(b"url=http%3A%2F%2Fevil.example.com%2Fa%3Fb%3D%257Bbase64url%257D&mode=x")
    assert "s3cret" not in json.dumps(said)


async def test_key_never_follows_a_redirect_and_never_goes_over_a_bad_certificate(tmp_path: Path) -> None:
    pair = make_certificates(tmp_path, "acme.example.com")
    known = {**KNOWN, "thief.example.net": ["127.0.0.1"]}
    async with world(tmp_path, network=NETWORK, known=known, certificate=pair) as there:
        keys(there.secrets)
        there.tls.pages["/v3/files/" + "a" * 64] = redirect("http://thief.example.net/")
        said = await there.ask("vendor", tool="lookup_reputation", type="hash", value="A" * 64)
        assert said["answers"][0] == {"vendor": "acme", "trouble": "it answered with status 302"}
        # `post` shows a certificate that is not for its name: no request leaves.
        assert "certificate does not hold" in said["answers"][1]["trouble"]
        assert len(there.tls.requests) == 1
        assert there.web.connections == 0


async def test_vendor_at_an_inner_address_is_asked_only_where_the_bundle_says_so(tmp_path: Path) -> None:
    known = {"acme.example.com": ["10.77.0.5"], "post.example.com": ["192.168.0.9"]}
    async with world(tmp_path, network=NETWORK, known=known) as there:
        keys(there.secrets)
        said = await there.ask("vendor", tool="lookup_reputation", type="ip", value="93.184.215.14")
        assert said["answers"] == [{"vendor": "acme", "trouble": "its address leads to a private network"}]


async def test_missing_key_refused_key_and_nonsense_are_trouble_and_the_others_still_answer(tmp_path: Path) -> None:
    pair = make_certificates(tmp_path, "acme.example.com", "post.example.com")
    async with world(tmp_path, network=NETWORK, known=KNOWN, certificate=pair) as there:

        async def ask(letter: str) -> Any:
            return await there.ask("vendor", tool="lookup_reputation", type="hash", value=letter * 32)

        assert [a["trouble"] for a in (await ask("a"))["answers"]] == [
            "its key is missing; an admin must put it into the broker's secrets"
        ] * 2
        there.ticks[0] = 61
        keys(there.secrets)
        there.tls.pages["/v3/files/" + "b" * 32] = page("{}", status="403 Forbidden")
        there.tls.pages["/api"] = page("[" * 100_000, kind="application/json")
        assert [a["trouble"] for a in (await ask("b"))["answers"]] == ["it refuses the key", "its answer is no JSON"]
        there.ticks[0] = 122
        there.tls.pages["/api"] = page('{"threat": "x"}', kind="application/json")
        said = (await ask("c"))["answers"]
        assert said == [
            {"vendor": "acme", "found": False},
            {"vendor": "post", "found": True, "malicious": None, "verdict": "x"},
        ]


async def test_quota_of_a_vendor_holds_across_tickets_and_tells_the_team(tmp_path: Path) -> None:
    pair = make_certificates(tmp_path, "acme.example.com")
    network = NETWORK.replace("names: [acme, post]", "names: [acme]")
    async with world(tmp_path, network=network, known=KNOWN, certificate=pair) as there:
        keys(there.secrets)
        said = []
        for number, ticks in enumerate((0, 1, 2, 70, 71, 140)):
            there.ticks[0] = float(ticks)
            answer = await there.ask(
                "vendor", tool="lookup_reputation", type="ip", value=f"93.184.215.{number}", ticket=OTHER
            )
            said.append(answer["answers"][0].get("trouble", "asked"))
        assert ["quota" in word for word in said] == [False, False, True, False, False, True]
        assert "4 questions a day" in said[5]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("ip", "10.20.14.31"), ("ip", "203.0.113.5"), ("domain", "www.harbourbank.example"), ("domain", "fileserver"),
        ("url", "http://x.example.com/?m=anna.lindqvist@harbourbank.example"),
        ("url", "http://x.example.com/Anna%20Lindqvist"),
        ("url", "http://x.example.com/QW5uYSBMaW5kcXZpc3Q="),
        ("url", "http://harbourbank.example/a"), ("hash", "zz" * 32),
        ("url", "http://x.example.com/?t=PERSON_K7Q2XB"), ("hash", "ab" * 15), ("domain", "93.184.215.14"),
    ],
)  # fmt: skip
async def test_what_is_ours_is_asked_of_no_vendor(tmp_path: Path, kind: str, value: str) -> None:
    async with world(tmp_path, network=NETWORK, known=KNOWN) as there:
        keys(there.secrets)
        assert "refused" in await there.ask("vendor", tool="lookup_reputation", type=kind, value=value)
        assert there.connections == 0
        assert there.names.asked == []
