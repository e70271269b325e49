"""Everything in a ticket that has a time, in order: log events, mails, lines of text; with gaps, bursts and actors."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Any, TypedDict

from pydantic import Field

from tools.investigate.answer import InputRefused, Object, answer, clip, plural
from tools.investigate.happened import Entry, collect
from tools.tool import ToolArguments, ToolFacts, tool

#: Entries shown: the first ones and the last ones.
MAX_FIRST, MAX_LAST = 40, 20
#: Gaps, bursts and actors shown.
MAX_SHOWN = 10
#: A burst is at least this many entries within this many seconds, and closer together than on the whole.
BURST, WINDOW, CLOSER = 10, 60.0, 5.0


class Arguments(ToolArguments):
    about: Annotated[
        str,
        Field(max_length=512, description="Only entries that name this person, host or address; empty for all."),
    ]
    gap_minutes: Annotated[int, Field(ge=1, le=10_080, description="Silence longer than this is a gap.")]


class Facts(ToolFacts):
    events: int = Field(description="Entries that have a time.")
    first: str = Field(description="When the first one was, ISO 8601 in UTC; empty without any.")
    last: str = Field(description="When the last one was.")
    span_seconds: int = Field(description="Seconds between them.")
    gaps: int = Field(description="Silences longer than asked for.")
    longest_gap_seconds: int = Field(description="The longest silence between two entries.")
    bursts: int = Field(description="Times at which entries came much faster than on the whole.")
    busiest_minute: int = Field(description="Entries in the busiest minute.")
    actors: int = Field(description="Different people and services that acted.")
    untimed: int = Field(description="Log events without a time that could be read.")
    unzoned: int = Field(description="Entries whose zone was not written with them; they are taken as UTC.")
    out_of_order: bool = Field(description="The log events do not stand in the order in which they happened.")


class Detail(TypedDict):
    """Entries in order; silences; bursts; each actor's first and last entry."""

    entries: list[dict[str, Any]]
    left_out: int
    gaps: list[dict[str, Any]]
    bursts: list[dict[str, Any]]
    actors: list[dict[str, Any]]


@tool(
    "Put everything in the ticket that has a time in order, and find gaps, bursts, and who acted first and last.",
    arguments=Arguments,
    facts=Facts,
    detail=Detail,
    needs=["ticket", "attachments"],
)
def run(arguments: Object, inputs: Object) -> Object:
    """The ticket's story, in order."""
    found, untimed = collect(inputs)
    about = str(arguments["about"]).strip().lower()
    entries = [entry for entry in found if not about or about in entry.text.lower()]
    if not entries:
        why = "names that and has a time" if about and found else "has a time that can be read"
        raise InputRefused(f"Nothing in the ticket {why}.")
    logged = [entry.at for entry in entries if entry.source == "event"]
    entries.sort(key=lambda entry: entry.at)
    gaps = _gaps(entries)
    long = [gap for gap in gaps if gap["seconds"] > arguments["gap_minutes"] * 60]
    bursts, busiest = _bursts(entries)
    actors = _actors(entries)
    span = (entries[-1].at - entries[0].at).total_seconds()
    facts: Object = {
        "events": len(entries),
        "first": _iso(entries[0].at),
        "last": _iso(entries[-1].at),
        "span_seconds": int(span),
        "gaps": len(long),
        "longest_gap_seconds": int(max((gap["seconds"] for gap in gaps), default=0)),
        "bursts": len(bursts),
        "busiest_minute": busiest,
        "actors": len(actors),
        "untimed": untimed,
        "unzoned": sum(not entry.zoned for entry in entries),
        "out_of_order": logged != sorted(logged),
    }
    left_out = max(0, len(entries) - MAX_FIRST - MAX_LAST)
    shown = entries if not left_out else [*entries[:MAX_FIRST], *entries[-MAX_LAST:]]
    detail = {
        "entries": [_shown(entry) for entry in shown],
        "left_out": left_out,
        "gaps": sorted(long, key=lambda gap: -gap["seconds"])[:MAX_SHOWN],
        "bursts": bursts[:MAX_SHOWN],
        "actors": actors[:MAX_SHOWN],
    }
    return answer(_summary(facts), facts, detail)


def _summary(facts: Object) -> str:
    text = f"{plural(facts['events'], 'entry')} from {facts['first']} to {facts['last']}"
    extra = [plural(facts[name], name[:-1]) for name in ("gaps", "bursts", "actors") if facts[name]]
    if facts["unzoned"]:
        extra.append(f"{facts['unzoned']} without a zone, taken as UTC")
    return text + (f"; {', '.join(extra)}" if extra else "") + "."


def _gaps(entries: list[Entry]) -> list[Object]:
    return [
        {"from": _iso(a.at), "to": _iso(b.at), "seconds": int((b.at - a.at).total_seconds())}
        for a, b in pairwise(entries)
    ]


def _bursts(entries: list[Entry]) -> tuple[list[Object], int]:
    """Windows in which entries come much closer together than on the whole, joined where they overlap."""
    times = [entry.at.timestamp() for entry in entries]
    usual = max(times[-1] - times[0], WINDOW) / len(times)
    bursts: list[list[int]] = []
    busiest = start = 0
    for end, at in enumerate(times):
        while at - times[start] > WINDOW:
            start += 1
        count = end - start + 1
        busiest = max(busiest, count)
        if count >= BURST and (at - times[start]) / count * CLOSER <= usual:
            if bursts and start <= bursts[-1][1]:
                bursts[-1][1] = end
            else:
                bursts.append([start, end])
    return [
        {"from": _iso(entries[a].at), "to": _iso(entries[b].at), "events": b - a + 1, "what": _most(entries[a : b + 1])}
        for a, b in bursts
    ], busiest


def _most(entries: list[Entry]) -> str:
    return Counter(entry.what for entry in entries).most_common(1)[0][0]


def _actors(entries: list[Entry]) -> list[Object]:
    """Who acted, the busiest first."""
    by_actor: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.who:
            by_actor.setdefault(entry.who, []).append(entry)
    return [
        {
            "who": who,
            "events": len(own),
            "first": _iso(own[0].at),
            "last": _iso(own[-1].at),
            "from": sorted({entry.origin for entry in own if entry.origin})[:5],
            "did": [what for what, _ in Counter(entry.what for entry in own).most_common(3)],
        }
        for who, own in sorted(by_actor.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


def _shown(entry: Entry) -> Object:
    shown: Object = {"at": _iso(entry.at), "source": entry.source, "what": clip(entry.what, 160)}
    extra = {"place": entry.place, "who": entry.who, "from": entry.origin, "host": entry.host, "result": entry.result}
    shown |= {name: clip(value, 120) for name, value in extra.items() if value}
    return shown if entry.zoned else {**shown, "zone": "not written"}


def _iso(at: datetime) -> str:
    precise = "milliseconds" if at.microsecond else "seconds"
    return at.astimezone(UTC).isoformat(timespec=precise).replace("+00:00", "Z")
