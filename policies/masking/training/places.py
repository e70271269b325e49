"""Street and postal addresses in many layouts, with their towns and postal codes marked."""

from __future__ import annotations

from policies.masking.training.pools import Country, Pools

#: A piece of text and what it is; nothing for the text between.
Piece = tuple[str, str | None]


def street_line(pools: Pools, country: Country, *, with_unit: float = 0.3) -> list[Piece]:
    """A street with its number and sometimes a flat."""
    street = pools.street(country)
    number = _number(pools)
    style = pools.random.random()
    if style < 0.42:
        line = f"{number} {street}"
    elif style < 0.74:
        line = f"{street} {number}"
    elif style < 0.8:
        line = f"{street}, {number}"
    elif style < 0.9:
        # Building number, street and house number: as forms of several countries are merged.
        line = f"{pools.random.randrange(1, 99999)} {street} {number}"
    elif style < 0.95:
        line = f"{number} {pools.random.randrange(1, 2000)} {street}"
    else:
        line = f"No. {number}, {street}"
    if pools.chance(with_unit):
        unit = _unit(pools)
        between = pools.random.choice([" ", ", ", ", ", "\n", "\n  "])
        line = f"{unit}{between.strip(chr(10)) or ' '}{line}" if pools.chance(0.12) else line + between + unit
    return [(line, "ADDRESS")]


def street_alone(pools: Pools, country: Country) -> list[Piece]:
    """A street as a sentence names it, mostly without a flat."""
    if pools.chance(0.3):
        street = pools.street(country)
        return [(street + pools.random.choice(["", "", " street", " st.", " road"]), "ADDRESS")]
    return street_line(pools, country, with_unit=0.05)


def corner(pools: Pools, country: Country) -> list[Piece]:
    between = pools.random.choice([" and ", " & ", " / "])
    streets = pools.street(country) + between + street_alone(pools, pools.country())[0][0]
    before = pools.random.choice(["", "the corner of ", "corner of "])
    return [(before + streets, "ADDRESS")]


def military(pools: Pools) -> list[Piece]:
    number, box = pools.random.randrange(1, 9999), pools.random.randrange(1, 9999)
    post = pools.random.choice(["APO", "FPO", "DPO"])
    state = pools.random.choice(["AA", "AE", "AP"])
    code = f"{pools.random.randrange(9000, 99999):05d}"
    between = pools.random.choice(["\n", ", ", " "])
    ship = pools.last(pools.country())
    head = pools.random.choice(
        [
            f"PSC {number}, Box {box}",
            f"Unit {number} Box {box}",
            f"USNS {ship}",
            f"USS {ship}",
            f"CMR {number} Box {box}",
        ]
    )
    return [(f"{head}{between}{post} {state} {code}", "ADDRESS")]


def post_box(pools: Pools, country: Country) -> list[Piece]:
    box = pools.random.choice(
        [
            "P.O. Box",
            "PO Box",
            "Postfach",
            "BP",
            "Apartado",
            "Postboks",
            "Casilla",
            "Private Bag",
            "Box",
            "GPO Box",
            "Postbox",
        ]
    )
    return [(f"{box} {pools.random.randrange(1, 99999)}", "ADDRESS"), (", ", None), *town_line(pools, country, " ")]


def town_line(pools: Pools, country: Country, gap: str) -> list[Piece]:
    """Town, region and postal code in the order of some country."""
    town: Piece = (_shout(pools, pools.town(country)), "LOCATION")
    code: Piece = (pools.code(country), "ADDRESS")
    region: Piece = (pools.pick("states") if pools.chance(0.7) else pools.region(country), "LOCATION")
    style = pools.random.randrange(8)
    if style < 2:
        return [code, (" ", None), town]
    if style == 2:
        return [town, (" ", None), code]
    if style == 3:
        return [town, (", ", None), region, (" ", None), code]
    if style == 4:
        return [town, (gap, None), region, (gap, None), code]
    if style == 5:
        return [town, (", ", None), code]
    if style == 6:
        return [town, (" ", None), region, (" ", None), code]
    return [town]


def postal(pools: Pools, country: Country, gap: str) -> list[Piece]:
    """A whole address; `gap` stands between its lines: a comma, or a line break with what a reply puts before it."""
    roll = pools.random.random()
    if roll < 0.05:
        return [(text.replace("\n", gap), entity) for text, entity in military(pools)]
    if roll < 0.09:
        return post_box(pools, country)
    nation: Piece = (pools.nation(country), "LOCATION")
    lines = [_split(street_line(pools, country, with_unit=0.45), gap), town_line(pools, country, gap)]
    style = pools.random.random()
    if style < 0.3:
        lines.append([nation])
    elif style < 0.5:
        # Country, then the code: a form that puts the code last.
        town: Piece = (_shout(pools, pools.town(country)), "LOCATION")
        lines[1:] = [[town], [nation, (" " if pools.chance(0.7) else gap, None), (pools.code(country), "ADDRESS")]]
    elif style < 0.56:
        lines[1:] = [[(_shout(pools, pools.town(country)), "LOCATION")]]
    elif style < 0.6:
        lines = [lines[0]]
    pieces: list[Piece] = []
    for line in lines:
        if pieces:
            pieces.append((gap if pools.chance(0.93) else " ", None))
        pieces.extend(line)
    return pieces


def line_gap(pools: Pools) -> str:
    return pools.random.choice([", ", ", ", ", ", " ", "\n", "\n", ",\n", "\n   "])


def block_gap(pools: Pools) -> str:
    return pools.random.choice(["\n", "\n", "\n", "\n  ", "\n    ", "\n ", ",\n", "\n\t"])


def quote_mark(pools: Pools) -> str:
    return pools.random.choice([">", "> ", "??? ", "| ", "* ", "- ", "\t", "# ", "    ", ">> ", "// "])


def _split(pieces: list[Piece], gap: str) -> list[Piece]:
    """A line break inside a street line gets the same gap as the other lines, outside of the span."""
    out: list[Piece] = []
    for text, entity in pieces:
        first, found, rest = text.partition("\n")
        out.append((first.rstrip(), entity))
        if found:
            out += [(gap if "\n" in gap else " ", None), (rest.strip(), entity)]
    return out


def _number(pools: Pools) -> str:
    roll = pools.random.random()
    if roll < 0.55:
        return str(pools.random.randrange(1, 200))
    if roll < 0.8:
        return str(pools.random.randrange(200, 9999))
    if roll < 0.88:
        return str(pools.random.randrange(10000, 99999))
    if roll < 0.94:
        return f"{pools.random.randrange(1, 200)}{pools.random.choice('abcdABC')}"
    if roll < 0.97:
        return f"{pools.random.randrange(1, 99)}-{pools.random.randrange(1, 99)}"
    return f"{pools.random.randrange(1, 99)}/{pools.random.randrange(1, 99)}"


def _unit(pools: Pools) -> str:
    number = pools.random.choice(
        [
            str(pools.random.randrange(1, 999)),
            f"{pools.random.randrange(1, 999):03d}",
            f"{pools.random.randrange(1, 40)}{pools.random.choice('ABCD')}",
        ]
    )
    unit = pools.pick("units")
    return f"{unit}{number}" if unit == "#" else f"{unit} {number}"


def _shout(pools: Pools, town: str) -> str:
    return town.upper() if pools.chance(0.15) else town
