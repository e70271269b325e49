"""What a file holds, judged: all members by name, the first of them by content, archives among them opened in turn."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from typing import Any

from tools.investigate.files import names
from tools.investigate.files.budget import MAX_DEPTH, Budget, Spent
from tools.investigate.files.container import BOMB_RATIO, Container, Member, Unreadable
from tools.investigate.files.kinds import ARCHIVES
from tools.investigate.files.look import Look
from tools.investigate.files.opened import STEP, Opened

#: Bytes of a member judged with the file that holds it.
MAX_JUDGED = 8 * 1024**2
#: Members of one container judged by their content, and listed.
MAX_MEMBERS_JUDGED, MAX_LISTED = 300, 100
#: Members of an inner archive listed with the outer one.
MAX_LISTED_BELOW = 20
#: Lines of `unread` kept.
MAX_UNREAD = 40

#: `examine.examine`; handed in because the two call each other.
Examine = Callable[..., Look]


def look_at(opened: Opened, look: Look, budget: Budget, trail: tuple[bytes, ...], examine: Examine) -> None:
    """Add what the members show."""
    container, kind = opened.container, opened.kind.id
    if container is None:
        return
    parts = sum(member.part for member in container.members)
    look.facts.update(members=container.total - parts, depth=int(kind in ARCHIVES))
    if container.bomb:
        look.facts["bomb"] = True
    if container.damaged:
        look.facts["damaged"] = True
    look.unread += container.unread[:10]
    for sentence in container.signs[:10] if kind in ARCHIVES or container.bomb else []:
        look.sign(sentence)
    _outside(container, kind, look)
    around = (*trail, hashlib.sha256(opened.content).digest())
    seen: dict[int, Look] = {}
    judged = [m for m in container.members if not m.folder and not m.part]
    for member in judged[:MAX_MEMBERS_JUDGED]:
        inner = _inside(member, look, budget, around, examine)
        if inner is not None:
            seen[member.index] = inner
            _adopt(inner, look)
    if len(judged) > MAX_MEMBERS_JUDGED:
        look.unread.append(f"{len(judged) - MAX_MEMBERS_JUDGED:,} members were judged by their names only")
    why = {m.index: _reasons(m, seen.get(m.index)) for m in judged}
    risky = [m for m in judged if why[m.index]]
    look.facts["risky_members"] = len(risky)
    if risky and kind in ARCHIVES:
        _tell(risky, seen, look)
    elif risky and kind != "mail":
        look.sign("it carries files that are risky to open")
    look.shown.update(members=_listed(container, seen, why), members_total=container.total)


def _tell(risky: list[Member], seen: dict[int, Look], look: Look) -> None:
    """What is risky inside: by the endings of files, and of archives by what they say themselves."""
    endings = set()
    for member in risky:
        inner = seen.get(member.index)
        if inner is not None and inner.facts["type"] in ARCHIVES:
            for sentence in inner.signs:
                look.sign(sentence)
            continue
        endings.add(names.extension(member.name) or (str(inner.facts["type"]) if inner is not None else "(no ending)"))
    if endings:
        look.sign(f"archive with .{', .'.join(sorted(endings)[:5])} inside")


def _outside(container: Container, kind: str, look: Look) -> None:
    """What the list of members says without opening any."""
    if any(member.encrypted for member in container.members):
        look.facts["encrypted"] = True
        if kind in ARCHIVES:
            look.sign("archive with a password")
    if kind in {"rar", "7z", "cab"}:
        look.sign("archive that cannot be looked into")
    if kind not in {"mail", "pdf"} and any(
        names.escapes(m.name) or (m.link and names.escapes(m.link)) for m in container.members
    ):
        look.sign("members that would be written outside the chosen folder", path_traversal=True)


def _reasons(member: Member, inner: Look | None) -> list[str]:
    return inner.signs if inner is not None else names.reasons(member.name)


def _inside(member: Member, look: Look, budget: Budget, around: tuple[bytes, ...], examine: Examine) -> Look | None:
    """The content of a member judged as a file of its own; None when it cannot be read."""
    if member.read is None:
        return None
    try:
        budget.take_member()
        content = member.read(MAX_JUDGED, budget)
    except Unreadable as why:
        if not member.encrypted and len(look.unread) < MAX_UNREAD:
            look.unread.append(f"member #{member.index}: {why}")
        return None
    except Spent as spent:
        if not any(line.startswith("members from #") for line in look.unread):
            look.unread.append(f"members from #{member.index} on were not unpacked: {spent}")
        return None
    if len(content) >= MAX_JUDGED and (member.size is None or member.size > MAX_JUDGED):
        look.unread.append(f"member #{member.index}: only its first {MAX_JUDGED // 1024**2} MiB were looked at")
        if member.size is None and len(content) > BOMB_RATIO * (member.packed or 1):
            look.sign(f"member #{member.index} unpacks to more than {BOMB_RATIO} times its size: a bomb", bomb=True)
    if member.size is not None and len(content) > member.size:
        look.sign("a member holds more than the list of members says", damaged=True)
    if hashlib.sha256(content).digest() in around:
        look.sign("the file holds itself: a bomb without end", bomb=True)
        return None
    if len(around) > MAX_DEPTH:
        look.unread.append(f"files nested deeper than {MAX_DEPTH} are not opened")
        look.sign(f"files nested deeper than {MAX_DEPTH}", bomb=True)
        return None
    return examine(member.name, content, budget, quick=True, trail=around)


def _adopt(inner: Look, look: Look) -> None:
    """What is true of a member and therefore of the whole."""
    for fact in ("bomb", "path_traversal"):
        if inner.facts.get(fact):
            look.facts[fact] = True
    for sentence in inner.signs:
        if "bomb" in sentence or "nested deeper" in sentence:
            look.sign(sentence)
    if len(look.unread) < MAX_UNREAD:
        look.unread += inner.unread[:3]
    look.text(inner.texts[:50_000])
    if inner.facts["type"] in ARCHIVES:
        look.facts["depth"] = max(look.facts.get("depth", 1), 1 + int(inner.facts.get("depth", 1)))


def _listed(container: Container, seen: dict[int, Look], why: dict[int, list[str]]) -> list[dict[str, Any]]:
    """Lines with the path by which `inspect_file` finds each member again."""
    count = Counter(m.name for m in container.members)
    lines: list[dict[str, Any]] = []
    for member in container.members:
        if len(lines) >= MAX_LISTED:
            break
        inner = seen.get(member.index)
        path = member.name if _plain(member.name) and count[member.name] == 1 else f"#{member.index}"
        lines.append(_line(member, path, inner, why.get(member.index, [])))
        below = inner.shown.get("members", []) if inner is not None else []
        lines += [{**line, "path": f"{path}{STEP}{line['path']}"} for line in below[:MAX_LISTED_BELOW]]
    return lines[:MAX_LISTED]


def _plain(name: str) -> bool:
    """Can a path name this member by its name?"""
    return name.isprintable() and 0 < len(name.strip()) <= 200 and STEP not in name and not name.startswith("#")


def _line(member: Member, path: str, inner: Look | None, why: list[str]) -> dict[str, Any]:
    line: dict[str, Any] = {"path": path, "name": names.shown(member.name), "size": member.size}
    line |= {"folder": True} if member.folder else {}
    line |= {"encrypted": True} if member.encrypted else {}
    line |= {"link": names.shown(member.link)} if member.link else {}
    line |= {"type": inner.facts["type"]} if inner is not None else {}
    return line | ({"why": why[:8]} if why else {})
