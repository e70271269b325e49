"""The texts of a draft, as the editor's form sends them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from gateway.console.visit import CSRF_HEADER, FORM_FIELD

#: How the fields that hold a file are named: this and the file's name.
FILE = "file:"


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What the editor sent."""

    #: Text by file name.
    files: Mapping[str, str]
    #: Everything else.
    fields: Mapping[str, str]

    def field(self, name: str) -> str:
        return self.fields.get(name, "").strip()

    @property
    def size(self) -> int:
        """Characters of all files."""
        return sum(map(len, self.files.values()))


async def read_draft(request: Request) -> Draft:
    """The draft that a request carries. Large texts are taken apart in a thread."""
    if CSRF_HEADER in request.headers:
        body = await request.body()
        pairs = await run_in_threadpool(parse_qsl, body.decode("ascii", "replace"), keep_blank_values=True)
    else:  # `Visit` has read the form already, for its token
        form = await request.form(max_part_size=FORM_FIELD)
        pairs = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    texts = {name: value.replace("\r\n", "\n") for name, value in pairs}
    return Draft(
        files={name.removeprefix(FILE): text for name, text in texts.items() if name.startswith(FILE)},
        fields={name: text for name, text in texts.items() if not name.startswith(FILE)},
    )


Sent = Annotated[Draft, Depends(read_draft)]
