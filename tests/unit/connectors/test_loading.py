"""Connector files and routes are read strictly: each problem with its file and line, nothing loads that is unsafe."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.errors import BundleInvalid
from core.settings import Settings
from core.store.engine import Store
from tests.unit.connectors.conftest import SECRETS, shelf_of
from tools.connectors.connector import carrier
from tools.connectors.loading import load, secrets_of
from tools.connectors.opening import open_connectors
from tools.connectors.quoting import FILTERS
from tools.connectors.rest import RestConnector
from tools.connectors.written import Auth, Carried, Condition, ConnectorFile, Limits
from tools.registry import default_registry
from workers.wiring import open_registry, open_services

GOOD = """name: mine
description: A target of our own
base_url: https://api.example.com/base
values: {zone: {description: A zone, default: eu}}
auth: {bearer: {token: mine_token}}
tools:
  isolate_host:
    find:
      device: {url: "/z/${value.zone}/${args.host}", value: /id}
    send:
      url: /devices/${found.device}
      body: {reason: "${key}"}
    blind: It has no way to look.
  block_indicator:
    indicator: {argument: indicator, types: {domain: fqdn}}
    send: {url: /block, body: {zone: "${value.zone}", value: "${indicator.value}", kind: "${indicator.type}"}}
    blind: It has no way to look.
"""


def problems(tmp_path: Path, files: dict[str, str]) -> list[str]:
    with pytest.raises(BundleInvalid) as invalid:
        shelf_of(tmp_path / "connectors", files)
    return [f"{Path(p.file).name}:{p.line}: {p.message}" for p in invalid.value.problems]


def test_a_file_of_an_admin_stands_beside_the_shipped_ones(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path / "c", {"mine.yaml": GOOD, "routes.yaml": "routes: {isolate_host: mine}\n"})
    assert {"mine", "okta", "crowdstrike"} <= set(shelf.connectors)
    assert shelf.routes == {"isolate_host": "mine"}
    assert shelf.connectors["mine"].tools["isolate_host"].find["device"].url == "/z/eu/${args.host}"
    assert secrets_of(shelf.connectors["mine"]) == ("mine_token",)


def test_a_file_of_an_admin_goes_before_a_shipped_one(tmp_path: Path) -> None:
    mine = GOOD.replace("name: mine", "name: okta")
    shelf = shelf_of(tmp_path / "c", {"okta.yaml": mine})
    assert shelf.connectors["okta"].base_url == "https://api.example.com/base"
    assert shelf.unset.get("okta") is None


def test_without_a_folder_the_lab_carries_out_everything() -> None:
    shelf = load(None, default_registry().shapes())
    assert (shelf.routes, shelf.setups) == ({}, {})
    assert set(shelf.unset) == {"google-workspace", "microsoft-defender", "microsoft-graph", "okta", "webhook"}


def test_every_secret_of_the_shipped_connectors_is_known() -> None:
    shelf = load(None, default_registry().shapes())
    named = {name for written in shelf.connectors.values() for name in secrets_of(written)}
    assert named == set(SECRETS) - {"plain_token"} | {"google_service_account"}


#: (what to put in the place of what, the line it is found at, what is said).
BROKEN: list[tuple[str, str, int, str]] = [
    ("name: mine", "name: yours", 1, "file mine.yaml; give both the same name"),
    ("name: mine", "name: Mine", 1, "should match"),
    ("description: A target of our own", "descripton: x", 2, "did you mean `description`"),
    ("https://api.example.com/base", "https://${args.host}.example.com", 3, "where a request goes is fixed"),
    ("https://api.example.com/base", "https://api.example.com@evil.example", 3, "no plain address"),
    ("https://api.example.com/base", "https://api.example.com?x=", 3, "no plain address"),
    ("https://api.example.com/base", "https://user:pw@api.example.com", 3, "no plain address"),
    ("https://api.example.com/base", "http://api.example.com", 3, "is not https"),
    ("https://api.example.com/base", "file:///etc/passwd", 3, "no plain address"),
    ("https://api.example.com/base", "https://[::1", 3, "is no URL"),
    ("https://api.example.com/base", "https://api.example.com:0", 3, "port 0"),
    ("https://api.example.com/base", "https://${value.zoen}", 3, "is not declared under `values`"),
    ("auth: {bearer: {token: mine_token}}", "auth: {}", 5, "has exactly one of bearer, basic"),
    ("{bearer: {token: mine_token}}", "{bearer: {token: x}, basic: {user: u, password: p}}", 5, "has exactly one of"),
    ("token: mine_token", "token: s3cr3t-Value!", 5, "should match"),
    ("isolate_host:", "isolate_hosts:", 7, "is no tool that acts; did you mean `isolate_host`"),
    ("isolate_host:", "read_email:", 7, "is no tool that acts"),
    ("${args.host}", "${args.hots}", 9, "`isolate_host` has no argument `hots`; it has host"),
    ("url: /devices/${found.device}", "url: https://${args.host}/x", 11, "begins with `/`"),
    ("url: /devices/${found.device}", "url: ${args.host}/x", 11, "begins with `/`"),
    ("url: /devices/${found.device}", "url: //${args.host}/x", 11, "empty segment"),
    ("url: /devices/${found.device}", "url: /devices/../x", 11, "empty segment or `..`"),
    ("url: /devices/${found.device}", "url: /devices?x=${args.host}", 11, "put what stands behind `?` under `query`"),
    ("url: /devices/${found.device}", "url: /devices/${found.machine}", 11, "`found.machine` is looked up nowhere"),
    ("url: /devices/${found.device}", "url: /devices/${found.device|sql}", 11, "`|sql` is no filter"),
    ("url: /devices/${found.device}", "url: /devices/${secret:mine_token}", 11, "a secret stands in a header"),
    ('reason: "${key}"', 'reason: "${secret:mine_token}"', 12, "a secret stands in a header"),
    ('reason: "${key}"', 'reason: "${indicator.value}"', 12, "needs `indicator` at this tool"),
    ('reason: "${key}"', 'reason: "${env.PATH}"', 12, "is no placeholder"),
    ("url: /devices/${found.device}", "url: /x\n      method: TRACE", 12, "'GET', 'POST'"),
    ("url: /devices/${found.device}", "url: /x\n      method: GET", 11, "a GET has no body"),
    ("url: /devices/${found.device}", "url: /x\n      form: {a: b}", 11, "keep one of them"),
    ("url: /devices/${found.device}", 'url: /x\n      headers: {X-Host: "${args.host}"}', 12, "put arguments into"),
    ("url: /devices/${found.device}", "url: /x\n      headers: {Host: a.example}", 12, "set by the connection itself"),
    ("url: /devices/${found.device}", 'url: /x\n      headers: {X-A: "a\\r\\nb"}', 12, "printable ASCII"),
    ("url: /devices/${found.device}", "url: /x\n      success: {}", 12, "holds for everything"),
    ("url: /devices/${found.device}", "url: /x\n      success: {where: [{at: /a}]}", 12, "exactly one of equals"),
    ("url: /devices/${found.device}", "url: /x\n      success: {where: [{at: a, exists: true}]}", 12, "JSON pointer"),
    ("url: /devices/${found.device}", "url: /x\n      success: {where: [{at: /a, recent: soon}]}", 12, "span of time"),
    ("    blind: It has no way to look.\n  block", "  block", 8, "has a `probe`, or says in `blind`"),
    ("types: {domain: fqdn}", "types: {host: fqdn}", 15, "known keys are ipv4, ipv6"),
    ('reason: "${key}"', '"${args.host}": x', 12, "a key takes no placeholder"),
    ("argument: indicator,", "argument: value,", 15, "has no argument `value`"),
    ("blind: It", "expects: {host: '['}\n    blind: It", 13, "no regular expression"),
    ("tools:", "tools: &a", 6, "anchors are not allowed"),
    ("name: mine", "name: lab", 1, "lab is taken"),
    ("{bearer: {token: mine_token}}", "{oauth2: {token_url: 'http://a.example', client_id: a, client_secret: b}}", 5,
     "is not https"),
    ("{bearer: {token: mine_token}}", "{oauth2: {token_url: 'https://${args.host}', client_id: a, client_secret: b}}",
     5,
     "where a request goes is fixed"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "says"), BROKEN)
def test_what_is_wrong_in_a_connector_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, says: str
) -> None:
    assert GOOD.count(old) >= 1
    found = problems(tmp_path, {"mine.yaml": GOOD.replace(old, new, 1)})
    assert any(p.startswith(f"mine.yaml:{line}: ") and says in p for p in found), found


@pytest.mark.parametrize(
    ("routes", "line", "says"),
    [
        ("routes: {isolate_hots: mine}", 1, "is no tool that acts; did you mean `isolate_host`"),
        ("routes: {read_email: mine}", 1, "is no tool that acts"),
        ("routes: {isolate_host: mien}", 1, "there is no connector `mien`; did you mean `mine`"),
        ("routes: {isolate_host: mcp}", 1, "cannot be chosen"),
        ("routes: {close_ticket: mine}", 1, "`mine` cannot carry out `close_ticket`; it can isolate_host"),
        ("routes:\n  disable_account: okta", 2, "`okta` needs url; set them under connectors.okta.values"),
        ("connectors: {mien: {}}", 1, "there is no connector `mien`"),
        ("connectors: {okta: {values: {uri: x}}}", 1, "okta has no value `uri`; did you mean `url`"),
        ("connectors: {okta: {values: {url: '${args.x}'}}}", 1, "printable text without"),
        ("connectors: {okta: {value: {}}}", 1, "did you mean `values`"),
        ("route: {}", 1, "did you mean `routes`"),
        ("routes: {isolate_host: [mine]}", 1, "should be text"),
    ],
)
def test_what_is_wrong_in_the_routes_is_named_with_its_line(tmp_path: Path, routes: str, line: int, says: str) -> None:
    found = problems(tmp_path, {"mine.yaml": GOOD, "routes.yaml": routes + "\n"})
    assert any(p.startswith(f"routes.yaml:{line}: ") and says in p for p in found), found


def test_an_address_that_an_admin_sets_is_checked_like_one_that_is_written(tmp_path: Path) -> None:
    found = problems(tmp_path, {"routes.yaml": "connectors: {okta: {values: {url: 'http://okta.example'}}}\n"})
    assert any("is not https" in p for p in found), found


def test_files_that_would_not_be_read_are_named(tmp_path: Path) -> None:
    assert any("name it .yaml" in p for p in problems(tmp_path, {"mine.yml": GOOD}))
    with pytest.raises(BundleInvalid, match="CASEMATE_CONNECTORS_DIR"):
        load(tmp_path / "nowhere", default_registry().shapes())


def test_a_look_up_can_use_those_before_it_and_no_later_one(tmp_path: Path) -> None:
    chained = GOOD.replace(
        'device: {url: "/z/${value.zone}/${args.host}", value: /id}',
        'site: {url: /sites, value: /id}\n      device: {url: "/s/${found.site}/${args.host}", value: /id}',
    )
    shelf = shelf_of(tmp_path / "good", {"mine.yaml": chained})
    assert list(shelf.connectors["mine"].tools["isolate_host"].find) == ["site", "device"]
    backwards = re.sub(r"(      site: .*\n)(      device: .*\n)", r"\2\1", chained)
    assert any(
        "`found.site` is looked up nowhere before this" in p for p in problems(tmp_path, {"mine.yaml": backwards})
    )


def version(tmp_path: Path, text: str, name: str) -> tuple[str, str]:
    """What approvals of two tools would be bound to."""
    from core.clock import FixedClock
    from core.secret_store import SecretStore

    shelf = shelf_of(tmp_path / name, {"mine.yaml": text})
    connector = RestConnector(shelf.connectors["mine"], SecretStore(tmp_path), FixedClock())
    connector.close()
    return carrier(connector, "isolate_host"), carrier(connector, "block_indicator")


def test_an_approval_is_bound_to_what_would_be_sent_and_to_nothing_else(tmp_path: Path) -> None:
    was = version(tmp_path, GOOD, "a")
    assert was[0].startswith("mine sha256:")
    words = GOOD.replace("A target of our own", "Ours") + "limits: {per_minute: 5}\n"
    assert version(tmp_path, words, "b") == was, "words and limits change nothing about the action"
    other = version(tmp_path, GOOD.replace("/devices/", "/hosts/"), "c")
    assert (other[0] != was[0], other[1] == was[1]) == (True, True), "and another tool's section nothing about this one"
    for old, new in (
        ("api.example.com", "api2.example.com"),
        ("mine_token", "other_token"),
        ("default: eu", "default: us"),
    ):
        changed = version(tmp_path, GOOD.replace(old, new), f"e-{new.replace(' ', '')}")
        assert not set(changed) & set(was), old


def test_a_process_opens_what_is_set_up_and_its_registry_knows_who_carries_out_what(tmp_path: Path) -> None:
    from core.clock import FixedClock
    from core.secret_store import SecretStore
    from tools.connectors.lab import LabConnector

    shelf = shelf_of(
        tmp_path / "c", {"mine.yaml": GOOD, "routes.yaml": "routes: {isolate_host: mine, close_ticket: lab}\n"}
    )
    lab = LabConnector(tmp_path / "lab.db")
    opened = open_connectors(shelf, default_registry(), SecretStore(tmp_path), FixedClock(), lab)
    assert set(opened.connectors) == {"lab", "mine", "crowdstrike", "aws-iam"}
    tool = opened.registry.get("isolate_host")
    assert (tool.connector, tool.carrier.partition(" ")[0]) == ("mine", "mine")
    assert tool.undone == "mine cannot undo it: a person must."  # its file does not say how
    lab_tools = [opened.registry.get(name) for name in ("close_ticket", "block_indicator")]
    assert {(tool.connector, tool.carrier) for tool in lab_tools} == {("lab", "")}
    assert opened.registry.names() == default_registry().names()
    assert opened.registry.schema_digest("isolate_host") == default_registry().schema_digest("isolate_host")
    opened.close()


def test_a_process_that_carries_nothing_out_has_the_tools_of_those_that_do(tmp_path: Path, store: Store) -> None:
    folder = tmp_path / "c"
    shelf_of(folder, {"mine.yaml": GOOD, "routes.yaml": "routes: {isolate_host: mine}\n"})
    settings = Settings(home=tmp_path / "home", connectors_dir=folder)
    worker = open_services(settings, ring=print, store=store)
    ours = open_registry(settings, store)
    assert [(t.name, t.connector, t.carrier) for t in ours.all()] == [
        (t.name, t.connector, t.carrier) for t in worker.registry.all()
    ]
    assert ours.get("isolate_host").connector == "mine"
    worker.close()


# --- the page


PAGE = (Path(__file__).parents[3] / "docs" / "connectors.md").read_text()


def test_the_example_of_the_page_loads(tmp_path: Path) -> None:
    [example] = re.findall(r"```yaml\n(name: edr.*?)```", PAGE, re.DOTALL)
    shelf = shelf_of(tmp_path / "c", {"edr.yaml": example, "routes.yaml": "routes: {isolate_host: edr}\n"})
    assert shelf.routes == {"isolate_host": "edr"}


def test_the_page_names_every_key_filter_test_and_kind() -> None:
    models = (ConnectorFile, Carried, Condition, Auth, Limits)
    names = {*FILTERS, *(name for model in models for name in model.model_fields)}
    assert {name for name in names if f"`{name}`" not in PAGE} == set()


def test_the_page_lists_what_ships() -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.*?) \|", PAGE.partition("\n## ")[0], re.MULTILINE))
    shelf = load(None, default_registry().shapes())
    assert set(shelf.connectors) <= set(rows)
    for name, written in shelf.connectors.items():
        wanted = "every action" if name == "webhook" else [f"`{tool}`" for tool in written.tools]
        assert all(part in rows[name] for part in ([wanted] if isinstance(wanted, str) else wanted)), name
