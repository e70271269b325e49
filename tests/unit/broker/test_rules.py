"""`network.yaml`: what ships permits nothing, mistakes are named with their place, the hash covers it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.errors import BundleInvalid
from policies.bundle import BundleSource, default_bundle_path, load_bundle
from policies.compiled import Bundle
from policies.difference import difference
from policies.key_changes import key_changes
from policies.network import Network
from tools.registry import default_registry

TOOLS = default_registry().shapes()


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    return load_bundle(default_bundle_path(), tools=TOOLS)


def with_network(shipped: Bundle, text: str | None) -> Bundle:
    files = {name: content for name, content in shipped.files.items() if name != "network.yaml"}
    if text is not None:
        files["network.yaml"] = text
    return load_bundle(BundleSource.from_files(files, name="b"), tools=TOOLS)


def problem(shipped: Bundle, text: str) -> str:
    with pytest.raises(BundleInvalid) as broken:
        with_network(shipped, text)
    return "\n".join(map(str, broken.value.problems))


def test_what_ships_permits_nobody_anything(shipped: Bundle) -> None:
    assert shipped.network == Network()
    assert not any(shipped.network.permits(tool) for tool in TOOLS)


def test_what_ships_as_comments_loads_once_it_is_no_comment(shipped: Bundle) -> None:
    text = shipped.files["network.yaml"]
    lines = [re.sub("^# ?", "", line) for line in text[text.index("# tools:") :].splitlines()]
    found = with_network(shipped, "\n".join(lines) + "\n").network
    assert set(found.tools) == {name for name, shape in TOOLS.items() if shape.asks}
    assert set(found.secrets()) == {"virustotal_key", "abuseipdb_key", "abusech_key"}


def test_without_the_file_nobody_may_ask_anything(shipped: Bundle) -> None:
    assert with_network(shipped, None).network.tools == {}


def test_hash_of_the_bundle_and_of_the_rules_change_with_it(shipped: Bundle) -> None:
    some = with_network(shipped, "tools: {query_url: {http_get: {any_public: true}}}\n")
    other = with_network(shipped, "tools: {query_url: {http_get: {any_public: true, redirects: 4}}}\n")
    same = with_network(shipped, "# hello\ntools:\n  query_url: {http_get: {any_public: true}}\n")
    assert len({shipped.hash, some.hash, other.hash}) == len({b.network.digest for b in (shipped, some, other)}) == 3
    assert (some.hash, some.network.digest) == (same.hash, same.network.digest)
    assert "network.tools" in str(key_changes(shipped, some)[0])
    assert not difference(shipped, some, TOOLS).same


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("tols: {}\n", "1:1", "did you mean `tools`?"),
        (
            "tools: {query_urls: {http_get: {any_public: true}}}\n",
            "1:9",
            "no tool is called `query_urls`; did you mean `query_url`?",
        ),
        (
            "tools: {read_email: {dns: {any_public: true}}}\n",
            "1:22",
            "`read_email` never asks for `dns`; it asks for nothing",
        ),
        ("tools: {query_url: {http: {any_public: true}}}\n", "1:21", "unknown key `http`"),
        ("tools: {query_url: {}}\n", "1:20", "permits nothing"),
        ("tools: {query_url: {http_get: {}}}\n", "1:31", "reaches nobody"),
        ("tools: {query_url: {http_get: {any_public: true, hosts: [a.example]}}}\n", "1:31", "keep one of the two"),
        ("tools: {query_url: {http_get: {hosts: [https://a.example]}}}\n", "1:40", "is not a host"),
        ("tools: {query_url: {http_get: {hosts: ['*.a.example']}}}\n", "1:40", "is not a host"),
        ("tools: {query_url: {http_get: {any_public: true, ports: [0]}}}\n", "1:58", "greater than or equal to 1"),
        (
            "tools: {query_url: {http_get: {any_public: true, schemes: [file]}}}\n",
            "1:60",
            "should be 'http' or 'https'",
        ),
        ("tools: {query_url: {http_get: {any_public: true, redirects: 50}}}\n", "1:61", "less than or equal to 5"),
        ('tools: {query_url: {http_get: {any_public: true, user_agent: "a\\r\\nb"}}}\n', "1:62", "should match"),
        (
            "tools: {lookup_reputation: {vendor: {names: [acme]}}}\n",
            "1:46",
            "no vendor is called `acme`; known are none",
        ),
    ],
)
def test_mistake_is_named_with_its_place(shipped: Bundle, text: str, place: str, why: str) -> None:
    said = problem(shipped, text)
    assert f"b/network.yaml:{place}: " in said
    assert why in said


VENDOR = 'vendors: {acme: {takes: {ip: {url: "https://a.example/{value}"}}}}\n'


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("https://", "http://", "should be https"),
        ("a.example/", "{value}.example/", "should be https"),
        ("a.example/", "a.example@evil.example/", "without a login"),
        ("{value}", "x", "asks about nothing"),
        ("{value}", "{secret}", "has a placeholder {secret}"),
        ("a.example", "a.example:99999", "is not a URL"),
        ('"}}}', '", form: {a: b}, json: {c: d}}}}', "keep one of the two"),
        ("takes", "headers: {Host: x}, takes", "which the broker sets itself"),
        ("ip:", "email:", "unknown key `email`"),
        ("takes", 'headers: {Key: "${secret:Bad Name}"}, takes', "is not a secret's name"),
        ("takes", 'headers: {Key: "${env:HOME}"}, takes', "no secret"),
        ("takes", 'headers: {Key: "a\\nb"}, takes', "no header can"),
        ("takes", "networks: [127.0.0.0/8], takes", "this machine itself"),
        ("takes", "networks: [0.0.0.0/0], takes", "this machine itself"),
        ("takes", "networks: [169.254.169.254/32], takes", "metadata service"),
        ("takes", "networks: ['::1'], takes", "this machine"),
        ("takes", "networks: [ten], takes", "is not a network"),
        ("takes", "result: {malicious: 'a..b'}, takes", "is not a path"),
    ],
)
def test_vendor_that_could_leak_its_key_or_reach_inside_does_not_load(
    shipped: Bundle, old: str, new: str, why: str
) -> None:
    assert with_network(shipped, VENDOR).network.vendors
    assert why in problem(shipped, VENDOR.replace(old, new))


def test_vendor_inside_our_network_is_named_with_its_network(shipped: Bundle) -> None:
    text = VENDOR.replace("takes", "networks: [10.20.30.0/24], takes")
    assert with_network(shipped, text).network.vendors["acme"].networks == ["10.20.30.0/24"]


def test_schema_for_editors_knows_every_key() -> None:
    schema = (Path(__file__).parents[3] / "policies/schemas/network.schema.json").read_text()
    for key in ("any_public", "per_ticket", "base64url", "malicious_from", "cache_seconds"):
        assert key in schema
