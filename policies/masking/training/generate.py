"""Texts with their names marked, from the templates and the pools. The same seed makes the same texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from policies.masking.training import fillers, places
from policies.masking.training.places import Piece
from policies.masking.training.pools import Country, Pools

#: Template files and how often a text is drawn from each.
FILES = {"work": 0.26, "life": 0.44, "foreign": 0.06, "nothing": 0.24}
#: Share of texts that are turned to lower or upper case as a whole.
LOWERED, RAISED = 0.08, 0.05
#: Share of texts that are forms nobody has filled in: `{first_name}`, `<street>`, `%CITY%`.
BLANK = 0.02
#: Share of texts that go on after the first template, so that windows of every length are seen.
GOES_ON = 0.25
#: Share of towns that stand with their postal code in a sentence.
CODED = 0.05
#: Longest text in characters; a longer one is not continued.
LONG_ENOUGH = 700

_SLOT = re.compile(r"\{([a-z]+)(?::(\d))?\}")
_ONE_NAME = {"PERSON": (" ",), "ADDRESS": (" ", ", ")}
_CHOICE = re.compile(r"\[\[(.*?)\]\]")


@dataclass(frozen=True, slots=True)
class Marked:
    """A text and the spans of its names: start, end, entity."""

    text: str
    spans: tuple[tuple[int, int, str], ...]
    #: Stretches that teach nothing, because their source did not mark what we would.
    ignored: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class Person:
    """Somebody who appears more than once in a text."""

    first: str
    last: str


def load_templates() -> dict[str, dict[str, list[str]]]:
    """File → group → templates."""
    folder = Path(__file__).parent / "templates"
    files = {path.stem: YAML(typ="safe").load(path.read_text("utf-8")) for path in sorted(folder.glob("*.yaml"))}
    return {
        name: {group: [line for line in text.splitlines() if line.strip()] for group, text in groups.items()}
        for name, groups in files.items()
    }


class Generator:
    """Draws templates and fills them."""

    def __init__(self, pools: Pools) -> None:
        self._pools = pools
        self._templates = load_templates()
        nothing = self._templates["nothing"]
        self._sentences, self._topics = nothing.pop("sentences"), nothing.pop("topics")
        self._people: dict[str, Person] = {}
        self._country = pools.country()
        self._slots: dict[str, Callable[[], list[Piece]]] = _slots(self)

    def texts(self, count: int) -> Iterator[Marked]:
        for _ in range(count):
            yield self.text()

    def text(self) -> Marked:
        pieces = self._draw()
        while self._pools.chance(GOES_ON) and sum(len(text) for text, _ in pieces) < LONG_ENOUGH:
            pieces += [(self._pools.random.choice(["\n", "\n\n", " ", " ", "\n---\n"]), None), *self._draw()]
        roll = self._pools.random.random()
        if roll < LOWERED:
            pieces = [(text.lower(), entity) for text, entity in pieces]
        elif roll < LOWERED + RAISED:
            pieces = [(text.upper(), entity) for text, entity in pieces]
        return join(pieces)

    def fill(self, template: str) -> Marked:
        """One template with fresh values."""
        return join(self._fill(template))

    def _draw(self) -> list[Piece]:
        name = self._pools.random.choices(list(FILES), list(FILES.values()))[0]
        group = self._pools.random.choice(list(self._templates[name]))
        return self._fill(self._pools.random.choice(self._templates[name][group]))

    def _fill(self, template: str) -> list[Piece]:
        self._people = {}
        self._country = self._pools.country()
        template = _CHOICE.sub(lambda match: self._pools.random.choice(match[1].split("|")), template)
        template = template.replace("\\n", "\n").replace("\\t", "\t")
        blank = fillers.blank_style(self._pools) if self._pools.chance(BLANK) else None
        pieces: list[Piece] = []
        end = 0
        for match in _SLOT.finditer(template):
            pieces.append((template[end : match.start()], None))
            pieces.extend([(blank(match[1]), None)] if blank is not None else self._value(match[1], match[2]))
            end = match.end()
        pieces.append((template[end:], None))
        return pieces

    def _value(self, slot: str, number: str | None) -> list[Piece]:
        if number is not None:
            return [(self._part(slot, self._person(number)), "PERSON")]
        if self._pools.chance(0.25):
            self._country = self._pools.country()
        return self._slots[slot]()

    def _person(self, number: str) -> Person:
        if number not in self._people:
            country = self.country()
            self._people[number] = Person(self._pools.first(country), self._pools.last(country))
        return self._people[number]

    def _part(self, slot: str, person: Person) -> str:
        return {"first": person.first, "last": person.last, "name": f"{person.first} {person.last}"}[slot]

    def country(self) -> Country:
        return self._country

    def sentence(self) -> str:
        return self._pools.random.choice(self._sentences)

    def topic(self) -> str:
        return self._pools.random.choice(self._topics)

    @property
    def pools(self) -> Pools:
        return self._pools


def join(pieces: list[Piece]) -> Marked:
    """Pieces as one text. A first and a last name are one person; a street and a flat on its line are one address."""
    text: list[str] = []
    spans: list[tuple[int, int, str]] = []
    place = 0
    between = ""
    for part, entity in pieces:
        if entity is not None and part.strip():
            start = place + len(part) - len(part.lstrip())
            end = place + len(part.rstrip())
            if spans and spans[-1][2] == entity and between in _ONE_NAME.get(entity, ()):
                spans[-1] = (spans[-1][0], end, entity)
            else:
                spans.append((start, end, entity))
            between = part[len(part.rstrip()) :]
        else:
            between += part
        text.append(part)
        place += len(part)
    return Marked("".join(text), tuple(spans))


def _slots(made: Generator) -> dict[str, Callable[[], list[Piece]]]:
    """What stands for each slot of the templates."""
    pools = made.pools

    def marked(entity: str, draw: Callable[[Pools, Country], str]) -> Callable[[], list[Piece]]:
        return lambda: [(draw(pools, made.country()), entity)]

    def plain(draw: Callable[[Pools], str]) -> Callable[[], list[Piece]]:
        return lambda: [(draw(pools), None)]

    people = {slot: marked("PERSON", draw) for slot, draw in fillers.PEOPLE.items()}
    regions = {slot: marked("LOCATION", draw) for slot, draw in fillers.PLACES.items()}
    groups = {slot: marked("NRP", draw) for slot, draw in fillers.GROUPS.items()}
    rest = {slot: plain(draw) for slot, draw in fillers.PLAIN.items()}
    return {
        **people,
        **regions,
        **groups,
        **rest,
        **{slot: _organization(made, draw) for slot, draw in fillers.ORGANIZATIONS.items()},
        "city": lambda: _town(made),
        "sentence": lambda: [(made.sentence(), None)],
        "topic": lambda: [(made.topic(), None)],
        "street": lambda: places.street_alone(pools, made.country()),
        "corner": lambda: places.corner(pools, made.country()),
        "military": lambda: places.military(pools),
        "pobox": lambda: places.post_box(pools, made.country()),
        "zip": lambda: [(pools.code(made.country()), "ADDRESS")],
        "cityline": lambda: places.town_line(pools, made.country(), ", "),
        "oneline": lambda: places.postal(pools, made.country(), ", "),
        "address": lambda: places.postal(pools, made.country(), places.line_gap(pools)),
        "block": lambda: places.postal(pools, made.country(), places.block_gap(pools)),
        "prefixed": lambda: _prefixed(made),
    }


def _organization(made: Generator, draw: Callable[[Pools, Country], str]) -> Callable[[], list[Piece]]:
    """An organization; an article before it stays outside of the span."""

    def pieces() -> list[Piece]:
        name = draw(made.pools, made.country())
        if name.startswith("the "):
            return [("the ", None), (name[4:], "ORGANIZATION")]
        return [(name, "ORGANIZATION")]

    return pieces


def _town(made: Generator) -> list[Piece]:
    """A town; now and then with its postal code, as in "in Tilburg 5011"."""
    town: Piece = (fillers.PLACES["city"](made.pools, made.country()), "LOCATION")
    if not made.pools.chance(CODED):
        return [town]
    return [town, (" ", None), (made.pools.code(made.country()), "ADDRESS")]


def _prefixed(made: Generator) -> list[Piece]:
    """A contact card whose every line begins with the same mark."""
    mark = places.quote_mark(made.pools)
    person: list[Piece] = [(fillers.PEOPLE["name"](made.pools, made.country()), "PERSON")]
    lines = [person, made._slots["org"]() if made.pools.chance(0.6) else list(person)]  # noqa: SLF001
    pieces: list[Piece] = []
    for line in [*lines, places.postal(made.pools, made.country(), "\n" + mark)]:
        pieces += [(("\n" if pieces else "") + mark, None), *line]
    return pieces
