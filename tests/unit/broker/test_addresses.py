"""What is forbidden stays unvisited, however it is spelled: counted at listeners and at the resolver."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path

import pytest

from tests.unit.broker.world import bundle, redirect, world
from tools.broker.addresses import AddressRules, Forbidden, special

#: Hosts of URLs that mean something on the inside, or that some parser takes to mean that.
HOSTS = """
127.0.0.1 127.1 127.0.1 127.0.0.1. 127.000.000.001 0127.0.0.1 0177.0.0.1 0177.0.0.0x1 0x7f.0.0.1 0x7f.1 0x7f000001
0x7F000001 0x7f.0x0.0x0.0x1 017700000001 2130706433 02130706433 127.0.0.1.1 127.255.255.254 0 0.0.0.0 0x0 00 0.0
10.0.0.1 10.1 012.0.0.1 0xa.0.0.1 167772161 172.16.0.1 172.31.255.255 192.168.0.1 192.168.257 3232235521 0300.0250.0.1
100.64.0.1 100.100.100.200 169.254.169.254 169.254.43518 2852039166 0xa9fea9fe 0xA9.0xFE.0xA9.0xFE 0251.0376.0251.0376
425.510.425.510 168.63.129.16 192.0.0.192 192.0.2.1 198.51.100.7 203.0.113.5 198.18.0.1 192.88.99.1 224.0.0.1
239.255.255.250 240.0.0.1 255.255.255.255 256.256.256.256 1.2.3 1.2.3.4.5 127.0.0.1:80:90 127.0.0.1%00.example.com
[::] [::1] [0:0:0:0:0:0:0:1] [0000::0001] [::127.0.0.1] [::7f00:1] [::ffff:127.0.0.1] [::ffff:7f00:1]
[::ffff:0:127.0.0.1] [0:0:0:0:0:ffff:10.0.0.1] [::ffff:169.254.169.254] [64:ff9b::127.0.0.1] [64:ff9b::7f00:1]
[64:ff9b::a9fe:a9fe] [64:ff9b:1::a00:1] [2002:7f00:1::] [2002:a9fe:a9fe::1] [2001:0:7f00:1::] [2001:0000:4136:e378::1]
[2001:470:1::5efe:7f00:1] [2001:470:1:0:200:5efe:10.0.0.1] [2001:470:1::7f00:1] [2001:470:1::a9fe:a9fe] [fe80::1]
[fe80::1%25eth0] [::1%25lo] [fc00::1] [fd00:ec2::254] [fec0::1] [ff02::1] [2001:db8::1] [3fff::1] [100::1] [5f00::1]
[::1 ::1 [::1]] [127.0.0.1] [::g] localhost LOCALHOST localhost. localhost.localdomain foo.localhost ip6-localhost
metadata metadata.google.internal metadata.goog kubernetes.default.svc printer.local fileserver intranet.corp router.lan
1.0.0.127.in-addr.arpa hidden.onion harbourbank.example srv.harbourbank.example
127。0。0。1 127．0．0．1 127｡0｡0｡1 １２７.０.０.１ ①②⑦.⓪.⓪.① ⑯⑨。②⑤④。⑯⑨。②⑤④
ⓛⓞⓒⓐⓛⓗⓞⓢⓣ ｌｏｃａｌｈｏｓｔ loc\u00adalhost localh\u200bost
user@127.0.0.1 example.com@127.0.0.1 example.com:80@127.0.0.1 127.0.0.1@example.com 127.0.0.1#@example.com
127.0.0.1\\@example.com example.com\\@127.0.0.1
-example.com ex_.-ample..com .example.com example..com
"""
BLANKS = [
    "127.0.0.1\t",
    "127.0.0.1\n.example.com",
    "0x7f.1\x00.example.com",
    "127.0.0.1 .example.com",
    "127.0.0.1\r\nx",
]
SPELLINGS = [*HOSTS.split(), *BLANKS]
WHOLE = [
    "http:127.0.0.1/", "http:/127.0.0.1/", "http:///127.0.0.1/", "//127.0.0.1/", "http://", "https://:443/",
    "127.0.0.1", "file:///etc/passwd", "gopher://127.0.0.1:70/_", "ftp://127.0.0.1/", "dict://127.0.0.1:11211/",
    "ldap://127.0.0.1/", "jar:http://127.0.0.1!/", "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "unix:/var/run/docker.sock", "data:text/html,x", "http://example.com:0/", "http://example.com:22/",
    "http://example.com:65536/", "http://example.com:80x/", "http://example.com:-80/", "http://example.com:٨٠/",
    "http:\\\\127.0.0.1\\", "http://127.0.0.1\u2028/", " http://127.0.0.1/",
]  # fmt: skip


async def test_more_than_eighty_spellings_of_forbidden_places_make_no_connection_and_no_look_up(tmp_path: Path) -> None:
    urls = [f"{scheme}://{host}/" for host in SPELLINGS for scheme in ("http", "https")] + WHOLE
    assert len(SPELLINGS) >= 120
    async with world(tmp_path, public=False) as there:
        answers = {url: await there.ask("http_get", url=url) for url in urls}
        assert [url for url, answer in answers.items() if "refused" not in answer] == []
        # Each for itself, and not because the ones before it used something up.
        assert [url for url, answer in answers.items() if "quota" in answer["refused"]] == []
        assert there.connections == 0
        assert there.names.asked == []


@pytest.mark.parametrize("kind", ["dns", "whois", "vendor"])
async def test_no_spelling_is_asked_about_anywhere_else_either(tmp_path: Path, kind: str) -> None:
    network = """
tools:
  query_url:
    dns: {any_public: true}
    whois: {any_public: true}
    vendor: {names: [acme]}
vendors:
  acme: {takes: {ip: {url: "https://acme.example.com/{value}"}, url: {url: "https://acme.example.com/{value}"},
                 domain: {url: "https://acme.example.com/{value}"}}}
"""
    async with world(tmp_path, network=network, public=False) as there:
        for host in SPELLINGS:
            plain = host.strip("[]")
            extra = {"dns": {"name": plain, "type": "A"}, "whois": {"name": plain}}.get(kind)
            asked = [extra] if extra else [{"type": t, "value": plain} for t in ("ip", "domain")]
            if kind == "vendor":
                asked.append({"type": "url", "value": f"http://{host}/"})
            if not 1 <= len(plain) <= 253:
                continue
            for question in asked:
                answer = await there.ask(kind, **question)
                assert "refused" in answer, (host, question)
                assert "quota" not in answer["refused"]
        assert there.connections == 0
        assert there.names.asked == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"], ["10.0.0.1"], ["::1"], ["169.254.169.254"], ["fd00:ec2::254"], ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["93.184.215.14", "127.0.0.1"], ["127.0.0.1", "93.184.215.14"], ["93.184.215.14", "2002:7f00:1::"], ["0.0.0.0"],
        ["93.184.215.14"] * 30 + ["192.168.1.1"], ["93.184.215.14"] * 65, ["203.0.113.9"],
    ],
)  # fmt: skip
async def test_name_with_any_forbidden_address_is_not_visited(tmp_path: Path, addresses: list[str]) -> None:
    async with world(tmp_path, known={"trap.example.com": addresses}, public=False) as there:
        answer = await there.ask("http_get", url="http://trap.example.com/")
        assert "refused" in answer
        assert not any(address in str(answer) for address in addresses)
        assert there.connections == 0


async def test_name_is_resolved_once_and_the_checked_address_is_the_one_connected_to(tmp_path: Path) -> None:
    """DNS rebinding: the second answer is never asked for."""
    async with world(tmp_path) as there:
        there.names.turns["rebind.example.com"] = [["127.0.0.1"], ["10.0.0.1"]]
        there.web.pages["/"] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        answer = await there.ask("http_get", url="http://rebind.example.com/")
        assert answer["status"] == 200
        assert there.names.asked == ["rebind.example.com"]


@pytest.mark.parametrize("host", [*SPELLINGS])
async def test_redirect_to_a_forbidden_place_is_not_followed(tmp_path: Path, host: str) -> None:
    if host.partition("#")[0] == "127.0.0.1" or any(ord(c) < 33 for c in host):
        pytest.skip("the one place that is open here, or no header value")
    async with world(tmp_path, known={"start.example.com": ["127.0.0.1"]}) as there:
        there.web.pages["/"] = redirect("x").replace(b"Location: x", b"Location: http://" + host.encode() + b"/in")
        answer = await there.ask("http_get", url="http://start.example.com/")
        assert there.connections == 1
        assert there.names.asked == ["start.example.com"]
        assert answer.get("stopped") or answer.get("why") == "It does not answer in HTTP."


async def test_redirect_is_resolved_and_checked_anew(tmp_path: Path) -> None:
    known = {"start.example.com": ["127.0.0.1"], "inside.example.com": ["10.20.14.31"]}
    async with world(tmp_path, known=known) as there:
        there.web.pages["/"] = redirect("http://inside.example.com/admin")
        answer = await there.ask("http_get", url="http://start.example.com/")
        assert answer["stopped"] == "The redirect leads to a private network, so it was not followed."
        assert there.connections == 1


def test_our_own_networks_are_not_looked_at_from_outside() -> None:
    rules = AddressRules(own=bundle().organization.parsed_networks)
    with pytest.raises(Forbidden, match="documentation"):
        rules.check(ipaddress.ip_address("203.0.113.5"))
    with pytest.raises(Forbidden, match="own networks"):
        AddressRules(own=(ipaddress.ip_network("93.184.215.0/24"),)).check(ipaddress.ip_address("93.184.215.14"))


def test_address_of_this_machine_is_refused_although_it_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel says which address it would send from; here it says the same as it is asked."""

    class Kernel(socket.socket):
        def connect(self, address: object, /) -> None:
            self.asked = address

        def getsockname(self) -> object:
            return self.asked

    monkeypatch.setattr("tools.broker.addresses.socket.socket", Kernel)
    with pytest.raises(Forbidden, match="this machine"):
        AddressRules().check(ipaddress.ip_address("93.184.215.14"))


@pytest.mark.parametrize(
    "address",
    ["93.184.215.14", "1.1.1.1", "8.8.8.8", "2606:4700::6810:84e5", "2a00:1450:4001:81b::200e", "2620:fe::fe"],
)
def test_public_addresses_are_let_through(address: str) -> None:
    assert special(ipaddress.ip_address(address)) is None
