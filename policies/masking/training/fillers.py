"""What stands in each slot of a template: people, organizations, places, groups, and everything that is no name."""

from __future__ import annotations

from collections.abc import Callable

from policies.masking.training.pools import Country, Pools

Draw = Callable[[Pools, Country], str]
MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()  # noqa: SIM905


def full_name(pools: Pools, country: Country) -> str:
    first, last = pools.first(country), pools.last(pools.country() if pools.chance(0.1) else country)
    initial = pools.random.choice("ABCDEFGHIJKLMNOPRSTVW")
    style = pools.random.random()
    if style < 0.6:
        name = f"{first} {last}"
    elif style < 0.72:
        name = f"{first} {initial}{'.' if pools.chance(0.5) else ''} {last}"
    elif style < 0.76:
        name = f"{first} {pools.first(country)} {last}"
    elif style < 0.79:
        name = f"{first} {last}-{pools.last(country)}"
    elif style < 0.82:
        name = f"{first} {last} {pools.last(country)}"
    elif style < 0.87:
        particle = pools.pick("particles")
        name = f"{first} {particle}{'' if particle[-1] in chr(39) + '-' or particle in ('Mac', 'Mc') else ' '}{last}"
    elif style < 0.9:
        name = f"{first} {last} {pools.pick('suffixes')}"
    elif style < 0.94:
        name = f"{first[0]}. {last}"
    elif style < 0.97:
        name = f"{last} {first}" if country.locale in {"hu_HU", "ja_JP", "zh_CN", "vi_VN"} else f"{first} {last}"
    else:
        name = f"{first}-{pools.first(country)} {last}"
    return _cased(pools, name)


def _cased(pools: Pools, name: str) -> str:
    roll = pools.random.random()
    if roll < 0.03:
        return name.upper()
    return name.lower() if roll < 0.06 else name


def _last(pools: Pools, country: Country) -> str:
    return _cased(pools, pools.last(country))


def organization(pools: Pools, country: Country) -> str:
    roll = pools.random.random()
    last = pools.last(country)
    if roll < 0.2:
        return pools.firm(country)
    if roll < 0.45:
        brand = pools.brand()
        return f"{brand} {pools.pick('legal_forms')}" if pools.chance(0.3) else brand
    if roll < 0.55:
        form = f" {pools.pick('legal_forms')}" if pools.chance(0.4) else ""
        return f"{last} {pools.pick('company_words')}{form}"
    if roll < 0.62:
        second, third = pools.last(country), pools.last(country)
        return pools.random.choice(
            [
                f"{last}-{second}",
                f"{last}, {second} and {third}",
                f"{last} & {second}",
                f"{last} and {second}",
                f"{last} and Sons",
            ]
        )
    if roll < 0.68:
        return f"{last} {pools.pick('legal_forms')}"
    if roll < 0.8:
        return pools.pick("firms")
    if roll < 0.88:
        return pools.pick("bodies")
    if roll < 0.93:
        return _institution(pools, country)
    return f"{pools.pick('title_words')} {pools.pick('company_words')}"


def _institution(pools: Pools, country: Country) -> str:
    town = pools.town(country)
    return pools.random.choice(
        [
            f"{town} General Hospital",
            f"{town} Police Department",
            f"Bank of {town}",
            f"The {town} Times",
            f"{town} City Council",
            f"{town} High School",
            f"St. {pools.first(country)} Hospital",
            f"Museum of {town}",
            f"{town} Chamber of Commerce",
            f"{pools.nation(country)} Airlines",
            f"Ministry of {pools.random.choice(['Health', 'Finance', 'Education', 'Defence', 'Justice'])}",
            f"{town} Symphony Orchestra",
            f"{town} Gazette",
            f"Radio {town}",
        ]
    )


def university(pools: Pools, country: Country) -> str:
    town = pools.town(country)
    return pools.random.choice(
        [
            f"University of {town}",
            f"{town} University",
            f"{town} State University",
            f"{town} Institute of Technology",
            f"{pools.last(country)} College",
            f"{town} College of Art",
            f"Universität {town}",
            f"Technical University of {town}",
            f"{town} Law School",
            f"Université de {town}",
            f"{pools.region(country)} State University",
            f"Universidad de {town}",
        ]
    )


def team(pools: Pools, country: Country) -> str:
    town, word = pools.town(country), pools.pick("club_words")
    return pools.random.choice(
        [
            f"{town} {word}",
            f"{town} {word}",
            f"{word} {town}",
            f"FC {town}",
            f"the {town} {word}",
            f"{town} FC",
            f"SV {town}",
        ]
    )


def band(pools: Pools, country: Country) -> str:
    word = pools.pick("band_words")
    return pools.random.choice(
        [
            f"The {word}",
            f"{pools.pick('title_words')} {word}",
            f"The {pools.pick('title_words')} {word}",
            f"{pools.last(country)} and the {word}",
            pools.pick("title_words") + pools.pick("title_words").lower(),
            f"The {pools.last(country)} Brothers",
            f"{pools.first(country)} & the {word}",
        ]
    )


_BLANK_NAMES = {
    "name": ["name", "full_name", "customer", "person", "user.name", "contact"],
    "first": ["first_name", "firstName", "given_name", "name"],
    "last": ["last_name", "lastName", "surname"],
    "street": ["street", "street_name", "address_line_1", "streetAddress"],
    "address": ["address", "street_address", "billing_address"],
    "city": ["city", "town", "location.city"],
    "org": ["company", "organization", "company_name", "org"],
}
_BLANKS = ["{%s}", "{{%s}}", "{{ %s }}", "<%s>", "[%s]", "${%s}", "%%%s%%", "$%s", "__%s__", "<<%s>>"]


def blank_style(pools: Pools) -> Callable[[str], str]:
    """How a form marks the places that are still to be filled in."""
    shape = pools.random.choice(_BLANKS)
    shout = pools.chance(0.25)

    def blank(slot: str) -> str:
        name = pools.random.choice(_BLANK_NAMES.get(slot, [slot]))
        return shape % (name.upper() if shout else name)

    return blank


def codename(pools: Pools) -> str:
    """What researchers call a malware or a group of attackers: it looks like a name and is none."""
    roll = pools.random.random()
    if roll < 0.3:
        return pools.brand().replace(" ", "")
    if roll < 0.55:
        return pools.pick("products")
    if roll < 0.7:
        return f"{pools.pick('title_words')}{pools.pick('band_words').removesuffix('s')}"
    if roll < 0.85:
        ending = pools.random.choice(["Bot", "RAT", "Loader", "Locker", "", "Door", "Kit"])
        return pools.last(pools.country()).split()[0] + ending
    group = pools.random.choice(["APT", "UNC", "TA", "FIN", "Storm-", "DEV-"])
    return f"{group}{pools.random.randrange(1, 2000)}"


PEOPLE: dict[str, Draw] = {
    "handle": lambda pools, _country: _user(pools),
    "name": full_name,
    "first": lambda pools, country: _cased(pools, pools.first(country)),
    "last": _last,
    "upname": lambda pools, country: full_name(pools, country).upper(),
    "lastfirst": lambda pools, country: f"{pools.last(country)}, {pools.first(country)}",
    "initials": lambda pools, _country: (
        ". ".join(pools.random.sample("ABCDEFGHJKLMNPRSTW", pools.random.choice([1, 2]))) + "."
    ),
}
ORGANIZATIONS: dict[str, Draw] = {"org": organization, "univ": university, "team": team, "band": band}
PLACES: dict[str, Draw] = {
    "city": lambda pools, country: _cased(pools, pools.town(country)),
    "upcity": lambda pools, country: pools.town(country).upper(),
    "country": lambda pools, country: pools.nation(country),
    "region": lambda pools, country: (
        pools.region(country) if pools.chance(0.7) else pools.pick("geography").removeprefix("the ")
    ),
    "geography": lambda pools, _country: pools.pick("geography"),
    "river": lambda pools, country: pools.random.choice(
        ["Rhine", "Danube", "Elbe", "Thames", "Loire", "Po", "Ebro", pools.town(country)]
    ),
    "place": lambda pools, country: _cased(
        pools, pools.random.choice([pools.town, pools.town, pools.nation, pools.region])(country)
    ),
}
GROUPS: dict[str, Draw] = {
    "demonym": lambda pools, _country: _lower(pools, pools.pick("demonyms")),
    "peoples": lambda pools, _country: pools.pick("peoples"),
    "religion": lambda pools, _country: _lower(pools, pools.pick("religions")),
    "faith": lambda pools, _country: pools.pick("faiths"),
    "believers": lambda pools, _country: pools.pick("believers"),
    "party": lambda pools, _country: pools.pick("politics"),
    "faction": lambda pools, _country: pools.pick("factions"),
}


def _lower(pools: Pools, word: str) -> str:
    return word.lower() if pools.chance(0.07) else word


def _date(pools: Pools) -> str:
    day, month, year = pools.random.randrange(1, 29), pools.random.randrange(1, 13), pools.random.randrange(1950, 2026)
    return pools.random.choice(
        [
            f"{year}-{month:02d}-{day:02d}",
            f"{day}.{month}.{year}",
            f"{month}/{day}/{year}",
            f"{day} {MONTHS[month - 1]} {year}",
            f"{MONTHS[month - 1]} {day}, {year}",
            f"{day:02d}/{month:02d}/{year}",
        ]
    )


def _digits(pools: Pools, shape: str) -> str:
    return "".join(str(pools.random.randrange(10)) if letter == "0" else letter for letter in shape)


def _phone(pools: Pools) -> str:
    shapes = [
        "000-000-0000",
        "(000) 000-0000",
        "+00 000 0000000",
        "0000 000 000",
        "+0 (000) 000-0000",
        "00 00 00 00",
        "+000 00 000 000",
        "000 00 000",
        "0000 00 00 00",
        "000.000.0000",
        "(00) 0000-0000",
        "+00 (0)00 000 00 00",
        "0000000000",
    ]
    return _digits(pools, pools.random.choice(shapes))


def _user(pools: Pools) -> str:
    country = pools.country()
    first, last = _ascii(pools.first(country)), _ascii(pools.last(country))
    return pools.random.choice(
        [
            f"{first}.{last}",
            f"{first[:1]}{last}",
            f"{first}{pools.random.randrange(99)}",
            f"{last}{first[:2]}",
            f"svc-{last}",
            f"{first}_{last}",
        ]
    )


def _ascii(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isascii() and letter.isalpha()) or "user"


def _domain(pools: Pools) -> str:
    return pools.brand().replace(" ", "").replace("'", "").lower() + pools.random.choice(
        [".com", ".net", ".org", ".de", ".co.uk", ".io", ".example", ".ru", ".fr"]
    )


def _host(pools: Pools) -> str:
    return pools.random.choice(
        [
            f"{pools.random.choice(['WS', 'SRV', 'LT', 'DC', 'FIN', 'HR'])}-{pools.random.randrange(1, 9999):04d}",
            f"{pools.random.choice(['db', 'web', 'mail', 'vpn'])}{pools.random.randrange(1, 20):02d}.corp.local",
            f"DESKTOP-{_hash(pools, 7).upper()}",
        ]
    )


def _hash(pools: Pools, length: int) -> str:
    return "".join(pools.random.choices("0123456789abcdef", k=length))


def _title(pools: Pools) -> str:
    words = " ".join(pools.pick("title_words") for _ in range(pools.random.choice([1, 2, 2, 3])))
    return pools.random.choice(
        [f"The {words}", words, f"{words} of the {pools.pick('title_words')}", f"A {words}", f"Don't {words} Me"]
    )


def _file(pools: Pools) -> str:
    stem = pools.random.choice(
        [
            "invoice",
            "update",
            "setup",
            "svchost",
            "report_2024",
            "payload",
            "Scan0042",
            "readme",
            "doc",
            "AcroRd32",
            "app",
        ]
    )
    return stem + pools.random.choice([".exe", ".dll", ".docm", ".ps1", ".js", ".zip", ".py", ".pdf", ".lnk", ".iso"])


def _money(pools: Pools) -> str:
    amount = pools.random.choice(
        [
            f"{pools.random.randrange(1, 999)},{pools.random.randrange(100, 999)}",
            f"{pools.random.randrange(1, 9999)}.{pools.random.randrange(10, 99)}",
            str(pools.random.randrange(5, 90000)),
        ]
    )
    return pools.random.choice(
        [
            f"${amount}",
            f"{amount} euros",
            f"EUR {amount}",
            f"£{amount}",
            f"{amount} USD",
            f"€{amount}",
            f"{amount} million dollars",
        ]
    )


def _sentence_number(pools: Pools) -> str:
    return str(
        pools.random.choice(
            [pools.random.randrange(1, 20), pools.random.randrange(20, 100), pools.random.randrange(100, 70000)]
        )
    )


PLAIN: dict[str, Callable[[Pools], str]] = {
    "mr": lambda pools: pools.pick("honorifics"),
    "suffix": lambda pools: pools.pick("suffixes"),
    "job": lambda pools: pools.pick("jobs"),
    "dept": lambda pools: pools.pick("departments").removeprefix("the "),
    "product": lambda pools: pools.pick("products"),
    "acronym": lambda pools: pools.pick("acronyms"),
    "thing": lambda pools: pools.pick("admin_things"),
    "malware": lambda pools: pools.pick("malware_kinds"),
    "date": _date,
    "shortdate": lambda pools: f"{pools.random.randrange(1, 13):02d}/{pools.random.randrange(24, 32)}",
    "time": lambda pools: pools.random.choice(
        [
            f"{pools.random.randrange(24):02d}:{pools.random.randrange(60):02d}",
            f"{pools.random.randrange(24):02d}:{pools.random.randrange(60):02d}:{pools.random.randrange(60):02d}",
            f"{pools.random.randrange(1, 12)} pm",
        ]
    ),
    "year": lambda pools: str(pools.random.randrange(1850, 2026)),
    "month": lambda pools: pools.random.choice(MONTHS),
    "weekday": lambda pools: pools.random.choice(WEEKDAYS),
    "num": _sentence_number,
    "ordinal": lambda pools: pools.random.choice(["first", "second", "3rd", "fourth", "5th"]),
    "phone": _phone,
    "email": lambda pools: f"{_user(pools)}@{_domain(pools)}",
    "user": _user,
    "card": lambda pools: _digits(
        pools, pools.random.choice(["4000000000000000", "5100 0000 0000 0000", "370000000000000", "6011000000000000"])
    ),
    "iban": lambda pools: pools.random.choice(["DE", "GB", "FR", "NL", "CH"]) + _digits(pools, "000000000000000000"),
    "bank": lambda pools: pools.random.choice(["IBAN", "account", "acct", "sort code"]),
    "ssn": lambda pools: _digits(pools, pools.random.choice(["000-00-0000", "000 00 0000"])),
    "ip": lambda pools: ".".join(str(pools.random.randrange(1, 255)) for _ in range(4)),
    "host": _host,
    "url": lambda pools: (
        pools.random.choice(["http://", "https://", "www.", "https://www.", ""])
        + _domain(pools)
        + pools.random.choice(["", "/", "/login"])
    ),
    "file": _file,
    "hash": lambda pools: _hash(pools, pools.random.choice([32, 40, 64])),
    "cve": lambda pools: f"CVE-{pools.random.randrange(2010, 2026)}-{pools.random.randrange(1000, 49999)}",
    "ticket": lambda pools: (
        pools.random.choice(["INC", "REQ", "SEC-", "CASE ", "#", "T-", ""]) + str(pools.random.randrange(1000, 9999999))
    ),
    "money": _money,
    "title": _title,
    "codename": codename,
    "hashes": lambda pools: "\n".join(
        _hash(pools, length) for length in [pools.random.choice([32, 40, 64])] * pools.random.randrange(2, 6)
    ),
}
