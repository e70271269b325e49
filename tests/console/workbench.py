"""What the tests of the policy workbench share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from core.passwords import hashed
from policies.bundle import default_bundle_path
from tests.console.site import AUDIT, Site, password_of

if TYPE_CHECKING:
    import httpx2

#: Looks a review takes to end, each of which waits for the server once.
LOOKS = 2_000


def texts(**changed: tuple[str, str]) -> dict[str, str]:
    """The files that ship; `actions=(old, new)` replaces text in actions.yaml."""
    files = {path.name: path.read_text() for path in sorted(default_bundle_path().glob("*.yaml"))}
    for stem, (old, new) in changed.items():
        assert old in files[f"{stem}.yaml"]
        files[f"{stem}.yaml"] = files[f"{stem}.yaml"].replace(old, new)
    return files


def form(files: dict[str, str], **fields: str) -> dict[str, str]:
    """What the editor sends."""
    return {**{f"file:{name}": text for name, text in files.items()}, **fields}


def check(client: httpx2.Client, files: dict[str, str], **fields: str) -> httpx2.Response:
    return client.post("/policy/check", data=form(files, **fields), headers={"HX-Request": "true"})


def problems(page: str) -> list[tuple[str, int, int]]:
    """Where a checked page points: file, line, column."""
    found = re.findall(r'data-go="([^"]+)" data-line="(\d+)" data-column="(\d+)">', page)
    return [(file, int(line), int(column)) for file, line, column in found]


def reviewed(client: httpx2.Client, files: dict[str, str]) -> str:
    """Begin a review and wait for its end; gives its address."""
    began = client.post("/policy/review", data=form(files))
    assert began.status_code == 303, began.text
    to = began.headers["location"]
    for _ in range(LOOKS):
        if client.get(to, headers={"HX-Request": "true"}).status_code == 204:
            return to
    raise AssertionError("the review does not end")


def asked(client: httpx2.Client, files: dict[str, str], reason: str = "A test of the console.") -> str:
    """Review texts and ask for them; gives the address of the change."""
    sent = client.post(f"{reviewed(client, files)}/propose", data={"reason": reason})
    assert sent.status_code == 303, sent.text
    return sent.headers["location"].partition("?")[0]


def answer(
    client: httpx2.Client, change: str, *, approve: bool = True, reason: str = "Looked at it."
) -> httpx2.Response:
    """Answer a change as its page offers it."""
    digest = re.search(r'name="digest" value="([0-9a-f]{64})"', client.get(change).text)
    given = {"digest": digest[1] if digest else "", "approve": "yes" if approve else "no", "reason": reason}
    return client.post(f"{change}/answers", data=given)


def third_admin(site: Site, name: str = "alma") -> None:
    """One admin more: the shipped policy takes two who did not write the change."""
    with site.store.begin() as tx:
        tx.users.add(name, roles=["admin"], password_hash=hashed(password_of(name)), audit=AUDIT)
