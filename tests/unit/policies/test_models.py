"""`models.yaml`: what ships names no cloud, whose machine a URL leads to, mistakes with their place, and the hash."""

from __future__ import annotations

import re

import pytest

from core.errors import BundleInvalid
from policies.bundle import Bundle, BundleSource, load_bundle
from policies.difference import difference
from policies.key_changes import key_changes
from policies.model_address import read_address
from policies.models import Endpoint, Models
from policies.schema import MODELS

CLOUD = "endpoints: [{name: frontier, url: https://api.frontier.example/v1, location: cloud}]\n"


def with_models(bundle: Bundle, text: str | None) -> Bundle:
    files = {name: content for name, content in bundle.files.items() if name != "models.yaml"}
    if text is not None:
        files["models.yaml"] = text
    return load_bundle(BundleSource.from_files(files, name="b"))


def named(*rows: tuple[str, str]) -> Models:
    endpoints = [Endpoint(name=f"e{n}", url=url, location=where) for n, (url, where) in enumerate(rows)]  # type: ignore[arg-type]
    return Models(endpoints=endpoints)


def test_what_ships_names_no_endpoint(bundle: Bundle) -> None:
    assert "models.yaml" in bundle.files
    assert bundle.models.endpoints == []
    assert "models" in MODELS


def test_what_ships_as_a_comment_loads_once_it_is_none(bundle: Bundle) -> None:
    text = bundle.files["models.yaml"].replace("endpoints: []\n", "")
    start = text.index("# endpoints:")
    block = text[start : text.index("\n\n", start)]
    plain = "\n".join(line.removeprefix("# ") for line in block.splitlines())
    found = with_models(bundle, text.replace(block, plain)).models
    assert [endpoint.location for endpoint in found.endpoints] == ["cloud", "local", "cloud"]
    assert found.location("http://llm-gateway.internal/v1") == "cloud"
    start = text.index("# cloud:")
    stricter = with_models(bundle, "\n".join(line.removeprefix("# ") for line in text[start:].splitlines()) + "\n")
    assert stricter.models.cloud.indicators.urls == "mask"


def test_without_the_file_only_our_own_network_may_be_used(bundle: Bundle) -> None:
    models = with_models(bundle, None).models
    assert models == Models()
    assert models.location("http://127.0.0.1:8621/v1") == "local"
    assert models.location("https://api.frontier.example/v1") is None


@pytest.mark.parametrize(
    "url",
    [
        "playbook:",
        "http://localhost:8000/v1",
        "http://LOCALHOST./v1",
        "http://127.0.0.1:8621/v1",
        "http://127.1/v1",
        "http://2130706433/v1",
        "http://0x7f.1/v1",
        "http://0177.0.0.1/v1",
        "http://[::1]:8000/v1",
        "http://[::ffff:127.0.0.1]/v1",
        "http://[fe80::1%25eth0]/v1",
        "http://[fd12:3456::7]/v1",
        "http://10.1.2.3/v1",
        "http://172.31.255.1/v1",
        "http://192.168.7.9/v1",
        "http://169.254.7.9/v1",
        "http://vllm/v1",
        "http://serving:8000/v1",
        "https://models.bank.internal/v1",
        "https://GPU.Local./v1",
        "http://serving.casemate.svc:8000/v1",
        "http://serving.casemate.svc.cluster.local:8000/v1",
        "http://user:password@vllm/v1",
    ],
)
def test_our_own_network_needs_no_entry(url: str) -> None:
    assert Models().location(url) == "local"
    assert Models().refusal(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://api.frontier.example/v1",
        "https://127.0.0.1.frontier.example/v1",
        "https://localhost.frontier.example/v1",
        "https://localhost@frontier.example/v1",
        "https://127.0.0.1:80@frontier.example/v1",
        "https://a@b@frontier.example/v1",
        "https://frontier.example\\@localhost/v1",
        "https://localhost\\.frontier.example/v1",
        "https://ai./v1",
        "https://internal.example/v1",
        "https://frontier.example/.internal/v1",
        "https://frontier.example?.internal",
        "https://frontier.example#.internal",
        "http://134744072/v1",
        "http://0x08080808/v1",
        "http://010.010.010.010/v1",
        "http://8.8.8.8/v1",
        "http://[::ffff:8.8.8.8]/v1",
        "http://[64:ff9b::7f00:1]/v1",
        "http://[2001:db8::1]/v1",
        "http://0.0.0.0/v1",
        "http://100.64.0.1/v1",
        "http://172.32.0.1/v1",
        "https://frontier．example/v1",
        "https://１２７.0.0.1/v1",
        "https://frontier%2eexample/v1",
        "https://local host/v1",
        "https://localhost\t.frontier.example/v1",
        "https:///v1",
        "https://:443/v1",
        "http://vllm:0/v1",
        "http://vllm:99999/v1",
        "ftp://localhost/v1",
        "http://..internal/v1",
        "file:///etc/passwd",
        "localhost:8000",
        "",
    ],
)
def test_everything_else_is_refused_until_it_is_named(url: str) -> None:
    assert Models().location(url) is None
    assert Models().refusal(url) is not None


def test_the_host_judged_is_the_host_that_the_client_connects_to() -> None:
    import httpx2

    for url in (
        "http://user:password@vllm:8000/v1",
        "https://localhost@frontier.example/v1",
        "https://127.0.0.1:80@frontier.example/v1",
        "HTTPS://Frontier.EXAMPLE:443/v1",
        "https://frontier.example?.internal",
        "https://frontier.example#@localhost/",
        "http://[::ffff:8.8.8.8]:80/v1",
    ):
        address, client = read_address(url), httpx2.URL(url)
        host = client.host.replace("::ffff:8.8.8.8", "8.8.8.8")
        assert (address.scheme, address.host) == (client.scheme, host)
        assert address.port == (client.port or {"http": 80, "https": 443}[client.scheme])


def test_a_refusal_says_what_to_write_where_and_never_shows_a_login() -> None:
    said = str(Models().refusal("https://me:secret@Api.Frontier.example/v1?key=secret"))
    assert "url: https://api.frontier.example/v1, location: cloud" in said
    assert "url: http://[2001:db8::1]:8000/v1," in str(Models().refusal("http://[2001:DB8::1]:8000/v1/"))
    assert "models.yaml" in said
    assert "secret" not in said
    assert "can be read in one way only" in str(Models().refusal("https://a\\b"))


def test_an_entry_holds_for_its_scheme_host_port_and_what_lies_below_its_path() -> None:
    models = named(("https://api.frontier.example/team", "cloud"))
    for url in (
        "https://api.frontier.example/team",
        "https://API.frontier.example.:443/team/v1/",
        "https://x@api.frontier.example/team",
    ):
        assert models.location(url) == "cloud", url
    for url in (
        "https://api.frontier.example/teams",
        "https://api.frontier.example/",
        "https://api.frontier.example/team/../admin",
        "https://api.frontier.example/team%2f..",
        "http://api.frontier.example/team",
        "https://api.frontier.example:8443/team",
        "https://eu.api.frontier.example/team",
    ):
        assert models.location(url) is None, url


def test_cloud_wins_over_where_an_endpoint_stands_and_over_another_entry() -> None:
    assert named(("http://gateway.internal", "cloud")).location("http://gateway.internal/v1") == "cloud"
    assert named(("http://127.0.0.1:8000", "cloud")).location("http://0x7f.1:8000/v1") == "cloud"
    both = named(("https://m.example", "local"), ("https://m.example/v1", "cloud"))
    assert (both.location("https://m.example/v1"), both.location("https://m.example/v2")) == ("cloud", "local")


def test_a_process_masks_for_clouds_when_any_endpoint_of_its_chain_is_one() -> None:
    models = named(("https://m.example", "cloud"))
    assert models.profile(["http://vllm/v1", "https://m.example/v1", "playbook:"]) == "cloud"
    # What may not be used sees nothing, so nothing needs to be hidden from it.
    assert models.profile(["http://vllm/v1", "https://other.example/v1", "playbook:"]) == "local"


def test_hash_and_difference_cover_the_file(bundle: Bundle) -> None:
    cloud = with_models(bundle, CLOUD)
    assert with_models(bundle, "# the same\n" + CLOUD).hash == cloud.hash != bundle.hash
    said = [str(change) for change in key_changes(bundle, cloud)]
    assert any(line.startswith("models.endpoints[frontier]: added") for line in said)
    assert any(line.startswith("models.cloud.treatments.CARD: removed") for line in said)
    moved = with_models(bundle, CLOUD.replace("location: cloud", "location: local"))
    assert 'models.endpoints[frontier].location: "cloud" → "local"' in [str(c) for c in key_changes(cloud, moved)]
    assert not difference(bundle, cloud, {}).same


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("endpoint: []\n", "1:1", "did you mean `endpoints`?"),
        ("endpoints: [{name: a, url: https://a.example}]\n", "1:13", "`location` is missing"),
        ("endpoints: [{name: a, url: a.example, location: cloud}]\n", "1:28", "can be read in one way only"),
        ("endpoints: [{name: a, url: 'https://me@a.example', location: cloud}]\n", "1:28", "holds a login"),
        ("endpoints: [{name: a, url: 'https://a.example/?k=1', location: cloud}]\n", "1:28", "holds a login"),
        ("endpoints: [{name: a, url: https://a.example/../b, location: cloud}]\n", "1:28", "a path with `..`"),
        ("endpoints: [{name: a, url: https://ä.example, location: cloud}]\n", "1:28", "one way only"),
        ("endpoints: [{name: a, url: https://a_.example*/, location: cloud}]\n", "1:28", "a host that is none"),
        ("endpoints: [{name: A b, url: https://a.example, location: cloud}]\n", "1:20", "lower-case letters"),
        ("endpoints: [{name: a, url: https://a.example, location: moon}]\n", "1:57", "should be 'local' or 'cloud'"),
        (
            (
                "endpoints:\n"
                "  - {name: a, url: https://a.example, location: cloud}\n"
                "  - {name: a, url: https://b.example, location: cloud}\n"
            ),
            "3:12",
            "appears twice",
        ),
        ("cloud: {treatments: {PERSON: keep}}\n", "1:30", "should be 'token' or 'redact'"),
        ("cloud: {treatments: {CARD: partial}}\n", "1:28", "should be 'token' or 'redact'"),
        ("cloud: {treatments: {CARDS: redact}}\n", "1:22", "did you mean `CARD`?"),
        ("cloud: {indicators: {urls: keep}}\n", "1:28", "should be 'mask'"),
        # Looser than masking.yaml: what is redacted there, and what shows its end there but is never restored.
        ("cloud:\n  treatments:\n    SECRET: token\n", "3:13", "looser than `redact` in masking.yaml"),
        ("cloud:\n  treatments: {CARD: token}\n", "2:22", "looser than `partial` in masking.yaml"),
    ],
)
def test_mistake_is_named_with_its_place(bundle: Bundle, text: str, place: str, why: str) -> None:
    small = {"actions.yaml": "rules: []\n", "masking.yaml": "report: {sources: []}\n", "models.yaml": text}
    files = {name: bundle.files[name] for name in ("organization.yaml", "guardrails.yaml")}
    with pytest.raises(BundleInvalid) as broken:
        load_bundle(BundleSource.from_files({**files, **small}, name="b"))
    said = "\n".join(map(str, broken.value.problems))
    assert re.search(rf"b/models\.yaml:{place}: .*{re.escape(why)}", said), said
