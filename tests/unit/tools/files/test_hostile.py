"""Hostile files through the real sandbox: an honest answer in bounded time and memory, and nobody else notices."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from tests.unit.tools.files import makers as make
from tests.unit.tools.files.hostile import ARCHIVES, Hostile
from tests.unit.tools.files.hostile_documents import DOCUMENTS
from tests.unit.tools.files.hostile_mails import MAILS, attached
from tests.unit.tools.test_mail import ORGANIZATION, mail
from tools.registry import default_registry
from tools.runner import Runner
from tools.sandbox.sandbox import Sandbox

FILES = (*ARCHIVES, *DOCUMENTS)


async def call(sandbox: Sandbox, tool: str, name: str, content: bytes, **arguments: Any) -> Any:
    """One call as the gate makes it: limits, shape and facts checked. A refusal fails the test."""
    inputs = {
        "attachment": {"name": name, "content_base64": base64.b64encode(content).decode()},
        "organization": ORGANIZATION,
    }
    return await Runner(sandbox=sandbox).run(default_registry().get(tool), {"attachment": 0, **arguments}, inputs)


def told(detail: dict[str, Any]) -> str:
    return " | ".join([*detail.get("why", []), *detail.get("notes", []), *detail["unread"]])


def test_there_are_more_than_sixty_of_every_kind_and_no_name_twice() -> None:
    names = [hostile.name for hostile in (*FILES, *MAILS)]
    assert len(names) == len(set(names)) > 100


@pytest.mark.parametrize("hostile", FILES, ids=str)
async def test_hostile_file_is_inspected_and_said_to_be_what_it_is(hostile: Hostile, sandbox: Sandbox) -> None:
    found = await call(sandbox, "inspect_file", hostile.name, hostile.make(), path="")
    assert {name: found["facts"].get(name) for name in hostile.facts} == dict(hostile.facts)
    assert hostile.said in told(found["detail"])
    assert found["facts"]["complete"] is (found["detail"]["unread"] == [])


@pytest.mark.parametrize("hostile", MAILS, ids=str)
async def test_hostile_mail_is_read_and_what_was_left_out_is_said(hostile: Hostile, sandbox: Sandbox) -> None:
    content = hostile.make()
    read, inspected = await asyncio.gather(
        call(sandbox, "read_email", hostile.name, content),
        call(sandbox, "inspect_file", hostile.name, content, path=""),
    )
    assert read["facts"]["parsed"] is True
    assert hostile.said in " | ".join(read["detail"]["unread"])
    assert ("Not everything" in read["summary"]) is bool(read["detail"]["unread"])
    assert inspected["facts"]["type"] == "mail"


@pytest.mark.parametrize("hostile", FILES, ids=str)
async def test_mail_that_carries_a_hostile_file_is_read(hostile: Hostile, sandbox: Sandbox) -> None:
    found = await call(sandbox, "read_email", "m.eml", attached(hostile.name, hostile.make()))
    assert found["facts"]["parsed"] is True
    assert found["facts"]["attachments"] == 1


async def test_ordinary_calls_are_answered_while_hostile_files_are_read(sandbox: Sandbox) -> None:
    heavy = [hostile for hostile in (*ARCHIVES, *DOCUMENTS) if hostile.name in {"entries.zip", "launch.pdf", "42.zip"}]
    hostile = [call(sandbox, "inspect_file", h.name, h.make(), path="") for h in heavy]
    ordinary = [call(sandbox, "read_email", "m.eml", mail(f"Hello number {i}.")) for i in range(10)]
    found = await asyncio.gather(*hostile, *ordinary)
    assert [f["detail"]["text"] for f in found[len(heavy) :]] == [f"Hello number {i}." for i in range(10)]


async def test_macros_and_pdf_objects_are_read_inside_the_sandbox(sandbox: Sandbox) -> None:
    """The libraries behind them need no home folder, no thread and nothing to write to."""
    macros = await call(sandbox, "inspect_file", "a.doc", make.macro_document(), path="")
    assert macros["facts"]["auto_exec"] is True
    scripted = make.pdf(b"<</Type/Catalog/OpenAction<</S/JavaScript/JS 2 0 R>>>>", make.stream(b"", b"app.alert(1)"))
    document = await call(sandbox, "inspect_file", "a.pdf", scripted, path="")
    assert document["detail"]["pdf"]["scripts"] == ["app.alert(1)"]
    assert document["facts"]["complete"] is True
