"""inspect_file and read_email on altered files: always an answer of the declared shape, and our readers never trip."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.mutation import Change, altered, carried, changes, fixed
from tests.unit.tools.files import makers as make
from tests.unit.tools.files.hostile_mails import attached
from tests.unit.tools.files.hostile_mails import mail as a_mail
from tests.unit.tools.test_mail import ORGANIZATION
from tools.investigate import inspect_file, read_email
from tools.investigate.files.budget import Budget
from tools.investigate.files.opened import NoMember, member_at

#: Parts that a library reads; it may raise what it likes, and the answer says so. Everything else is ours.
LIBRARIES = ("objects of the document", "source of the macros", "the encrypted document")
VBA = {"VBA/dir": b"\1", "VBA/_VBA_PROJECT": bytes(30), "VBA/m": make.vba()}
RELATION = b'<Relationship Target="http://a.example" Type="x/frame" TargetMode="External"/>'
PACKAGE = b"\1\5\0\0\2\0\0\0\x08\0\0\0Package\0" + bytes(8) + b"\2\0a.exe\0C:\\a\0\0\0\3\0\2\0\0\0a\0\2\0\0\0MZ"
SEVEN = b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(12) + b"\x20" + bytes(11)
ONENOTE = bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3e716e3bd65261145a4c48d4d0b7a9eac")
PAGE = b"<html><script>new Blob([atob('TVo=')]); a.download = 'x'</script><form action='http://a.example'><input>"
SEEDS: dict[str, bytes] = {
    "a.zip": make.raw_zip(
        [{"name": b"a.js", "data": make.deflated(b"eval(1)" * 9), "method": 8, "size": 63}, {"name": b"b/c"}]
    ),
    "lzma.zip": make.raw_zip(
        [{"name": b"a", "method": 14, "data": b"\x09\x14\x05\x00\x5d\x00\x00\x10\x00" + bytes(40)}]
    ),
    "a.tar": make.tarred({"a.js": b"x", "d/" + "n" * 150: b"y"}),
    "a.gz": b"\x1f\x8b\x08\x08" + bytes(6) + b"a.tar\0" + make.deflated(make.tarred({"a": b"x"})) + bytes(8),
    "a.iso": make.iso({"RUN.JS;1": b"x" * 50}),
    "a.rar": b"Rar!\x1a\x07\x00"
    b"\0\0\x73\0\0\x0d\0" + bytes(6) + b"\0\0\x74\0\x80\x25\0" + bytes(19) + b"\x05\0a.exe" + bytes(9),
    "b.rar": b"Rar!\x1a\x07\x01\x00" + bytes(4) + b"\x0a\x02\x02\x05\x00\x05\x00\x00\x00\x01a" + bytes(20),
    "a.7z": SEVEN + b"\x01\x05\x01\x11\x07\0a\0b\0\0\0" + bytes(30),
    "a.cab": b"MSCF".ljust(16, b"\0")
    + b"\x24\0\0\0"
    + bytes(8)
    + b"\x01\0".ljust(8, b"\0")
    + b"\x09"
    + bytes(15)
    + b"a\0",
    "a.doc": make.macro_document(),
    "a.docm": make.docx({"word/vbaProject.bin": make.ole(VBA), "word/_rels/a.rels": RELATION}),
    "a.xls": make.ole(
        {
            "Workbook": b"\x09\x08\x10\0"
            + bytes(20)
            + b"\x85\0\x0a\0\0\0\0\0\1\1\2\0ab"
            + b"\x18\0\x10\0\x20"
            + bytes(15)
        }
    ),
    "a.msg": make.ole(
        {"__properties_version1.0": bytes(40), "__attach_version1.0_#00000000/__substg1.0_37010102": b"MZ"}
    ),
    "a.rtf": b"{\\rtf1{\\object\\objupdate{\\*\\objdata " + PACKAGE.hex().encode() + b"}}}",
    "a.pdf": make.pdf(
        b"<</Type/Catalog/OpenAction 2 0 R>>",
        b"<</S/J#61vaScript/JS(app.alert\\(1\\))>>",
        make.stream(b"/Type/EmbeddedFile", b"MZ"),
    ),
    "a.lnk": make.lnk("/c calc", target="cmd.exe", show=7, tail=b"x" * 90),
    "a.png": make.png(640, 480, b"PK\x05\x06" + bytes(30)),
    "a.jpg": b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(10) + b"\xff\xc0\0\x11\x08\0\x10\0\x10" + bytes(12) + b"\xff\xd9",
    "a.exe": make.pe(3),
    "elf": b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00" + bytes(40),
    "a.one": ONENOTE + b"\2" + bytes(19) + b"MZ",
    "a.html": PAGE,
    "a.svg": b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///x'>]><svg onload='x()'>&x;</svg>",
    "a.ps1": b"powershell -w hidden -enc aQBlAHgAIAAoAG4AZQB3AC0AbwBiAGoAZQBjAHQAIABuAGUAdAApAA== ; 'a'+'b' | iex",
    "a.eml": attached("x.js", b"eval(1)"),
}
MAILS = (
    attached("a.zip", SEEDS["a.zip"]),
    a_mail(b"Subject: =?utf-8?b?YQ==?=", kind=b"text/html", body=PAGE),
)
HEADERS = (
    b"From",
    b"Subject",
    b"Content-Type",
    b"Content-Disposition",
    b"Authentication-Results",
    b"Received",
    b"Reply-To",
    b"Date",
)


@pytest.mark.parametrize("name", SEEDS)
@given(plan=changes)
@fixed(50)
def test_altered_file_is_inspected(name: str, plan: list[Change]) -> None:
    result = carried(inspect_file.inspect(name, altered(SEEDS[name], plan), [], Budget()))
    inspect_file.Facts.model_validate(result["facts"])
    tripped = [line for line in result["detail"]["unread"] if "could not be read (" in line]
    assert [line for line in tripped if not line.startswith(LIBRARIES)] == []


@pytest.mark.parametrize("name", SEEDS)
def test_seed_itself_is_what_its_name_says(name: str) -> None:
    """Else its alterations would test the reader of something else."""
    found = inspect_file.inspect(name, SEEDS[name], [], Budget())["facts"]
    assert found["extension_mismatch"] is False
    assert found["type"] not in {"data", "text"}


@given(
    plan=changes, path=st.sampled_from(["#0", "#1", "#0//#0", "a.js", "x.js//y"]), name=st.sampled_from(sorted(SEEDS))
)
@fixed(150)
def test_path_into_an_altered_file_gives_a_file_or_a_sentence(plan: list[Change], path: str, name: str) -> None:
    try:
        inner, content = member_at(name, altered(SEEDS[name], plan), path, Budget())
    except NoMember:
        return
    carried(inspect_file.inspect(inner, content, [], Budget()))


@given(raw=st.binary(max_size=300), name=st.text(max_size=30))
@fixed(200)
def test_any_bytes_under_any_name_are_inspected(raw: bytes, name: str) -> None:
    inspect_file.Facts.model_validate(carried(inspect_file.inspect(name, raw, [], Budget()))["facts"])


@given(plan=changes, seed=st.sampled_from(MAILS))
@fixed(200)
def test_altered_mail_is_read(plan: list[Change], seed: bytes) -> None:
    result = carried(read_email.read(altered(seed, plan), ORGANIZATION))
    read_email.Facts.model_validate(result["facts"])


@given(header=st.sampled_from(HEADERS), value=st.binary(max_size=200), body=st.binary(max_size=100))
@fixed(300)
def test_mail_with_any_header_is_read(header: bytes, value: bytes, body: bytes) -> None:
    result = carried(read_email.read(header + b": " + value + b"\r\n" + a_mail(body=body), ORGANIZATION))
    read_email.Facts.model_validate(result["facts"])
