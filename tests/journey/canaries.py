"""A thousand values that must not get out: made from a seed, planted all over tickets, looked for byte by byte.

Every value occurs once and nowhere else, so an occurrence in a sink is a leak and says which kind leaked where.
"""

from __future__ import annotations

import base64
import itertools
import json
import quopri
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

import re2
from ruamel.yaml import YAML

#: Canaries of one crop.
HOW_MANY = 1_000

# ruff: noqa: SIM905 — lists of words read best as words
FIRST = (
    "Anke Bruno Carla Davide Elena Farid Greta Hamid Ines Jonas Karin Leila Marta Nadia Oskar Paula Rainer Sofia "
    "Tomas Ursula Viktor Wanda Xenia Yusuf Zoran Brigitte Claudio Dimitra Emre Fiona Giulia Henrik Irena Joaquin"
).split()
_ONSETS = "B Br D Dr F Fl G Gr H J K Kl Kr L M N P Pr R S Schl St T Tr V W Z".split()
_MIDDLES = "a e i o u au ei".split()
_CODAS = "bel der gan kov lind mar nik rud sen tal vel zer".split()
_ENDS = "berg escu feld holm inen mann ova owski sen ski strand ström wald".split()
_WORDS = (
    "ba be bo da de do fa fe ga go ka ke ki la le lo ma mi mo na ne no pa po ra re ri sa se so ta te ti va vo".split()
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Canary:
    """One value, what it is, where it is planted, and what of it must not be seen."""

    kind: str
    place: str
    value: str
    #: Texts any of which gives it away.
    needles: tuple[str, ...]
    #: What stands around the value where people write.
    prose: str
    #: The key it stands under where machines write; None when a key cannot carry it unambiguously.
    key: str | None


@dataclass(frozen=True, slots=True)
class Made:
    """A value before it has a place."""

    value: str
    needles: tuple[str, ...]
    prose: str
    key: str | None


class Maker:
    """Makes values of each kind, none twice."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._seen: set[str] = set()
        self._surnames = self._fresh(self._surname)
        self._words = self._fresh(lambda: "".join(self.random.choices(_WORDS, k=5)))

    def _fresh(self, make: Callable[[], str]) -> Iterator[str]:
        while True:
            value = make()
            folded = value.casefold()
            if not any(folded in other or other in folded for other in self._seen):
                self._seen.add(folded)
                yield value

    def _surname(self) -> str:
        pick = self.random.choice
        return pick(_ONSETS) + pick(_MIDDLES) + pick(_CODAS) + pick(_ENDS)

    def digits(self, count: int) -> str:
        return self.random.choice("123456789") + "".join(self.random.choices("0123456789", k=count - 1))

    def letters(self, count: int, alphabet: str = "ABCDEFGHJKMNPQRSTUVWXYZ") -> str:
        return "".join(self.random.choices(alphabet, k=count))

    def secret(self, count: int) -> str:
        return self.letters(count, "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789")

    def name(self) -> tuple[str, str]:
        surname = next(self._surnames)
        return f"{self.random.choice(FIRST)} {surname}", surname

    def word(self) -> str:
        return next(self._words)

    def pick(self, *choices: str) -> str:
        return self.random.choice(choices)

    # --- kinds

    def person(self) -> Made:
        name, surname = self.name()
        prose = self.pick(
            f"Dear {name},", f"Caller: {name}.", f"Please call {name} about it.", f"Kind regards, {name}",
            f"Customer {name} says so.", f"I spoke to {name} yesterday.", f"Contact: {name}",
        )  # fmt: skip
        return Made(name, (name, surname), prose, self.pick("customer_name", "full_name", "display_name"))

    def colleague(self) -> Made:
        """Somebody who is listed in the organization."""
        name, surname = self.name()
        prose = self.pick(f"{name} noticed it first.", f"It was {name}'s laptop.", f"Ask {name}")
        return Made(name, (name, surname), prose, self.pick("owner", "assignee", "name"))

    def username(self) -> Made:
        """An account that is listed in the organization."""
        name = f"{self.letters(1).lower()}.{next(self._surnames).lower().replace('ö', 'oe')}"
        prose = self.pick(f"The account {name} signed in.", f"User {name} was locked.", rf"HARBOURBANK\{name} failed.")
        return Made(name, (name,), prose, self.pick("user", "username", "account"))

    def email(self) -> Made:
        name, surname = self.name()
        local = f"{name.split()[0]}.{surname}".lower().replace("ö", "oe")
        domain = self.pick("harbourbank.example", "post.example", "mailbox.example")
        return Made(f"{local}@{domain}", (local,), f"Write to {local}@{domain} please.", self.pick("email", "mail"))

    def phone(self) -> Made:
        number = self.digits(8)
        value = self.pick(
            f"+49 151 {number[:4]} {number[4:]}", f"+44 7700 9{number[:5]}", f"+1 (415) {number[:3]}-{number[3:7]}",
            f"0151-{number}", f"+33 6 {number[:2]} {number[2:4]} {number[4:6]} {number[6:]}",
        )  # fmt: skip
        prose = self.pick(f"Call me at {value}.", f"Tel: {value}", f"Mobile {value}, any time.")
        return Made(value, (value, _digits(value)[2:]), prose, self.pick("phone", "mobile", "telephone_number"))

    def address(self) -> Made:
        stem = next(self._surnames)
        street = self.pick(f"{self.digits(2)} {stem} Street", f"{stem}straße {self.digits(2)}", f"{stem} Road 7")
        value = f"{street}, {self.digits(5)} {self.pick('Hamburg', 'Leeds', 'Lyon', 'Bremen')}"
        prose = self.pick(f"She lives at {value}.", f"Address: {value}", f"Please send the card to {value}.")
        return Made(value, (stem,), prose, self.pick("street_address", "home_address", "billing_address"))

    def location(self) -> Made:
        town = f"{next(self._surnames)}{self.pick('stadt', 'ville', 'ton', 'burg')}"
        return Made(town, (town,), self.pick(f"He lives in {town}.", f"She moved to {town} last year."), "home_city")

    def organization(self) -> Made:
        stem = next(self._surnames)
        value = f"{stem} {self.pick('Logistics GmbH', 'Shipping Ltd', 'Foods Inc.', 'Insurance AG')}"
        prose = self.pick(f"He works for {value}.", f"The customer is {value}.")
        return Made(value, (stem,), prose, self.pick("company", "employer"))

    def nrp(self) -> Made:
        people, word = self.pick("Norwegian", "Portuguese", "Moroccan", "Finnish", "Catholic", "Buddhist"), self.word()
        phrase = self.pick(f"is a {people} {word}", f"became {people} {word}")
        return Made(people, (phrase,), f"The customer {phrase}.", None)

    def age(self) -> Made:
        years, word = self.random.randrange(19, 95), self.word()
        value = self.pick(f"{years} years old", f"aged {years}")
        return Made(value, (f"{value} {word}",), f"The customer is {value} {word}.", None)

    def date_of_birth(self) -> Made:
        while True:
            year, month, day = (
                self.random.randrange(1935, 2003),
                self.random.randrange(1, 13),
                self.random.randrange(1, 29),
            )
            value = self.pick(
                f"{year}-{month:02}-{day:02}", f"{day:02}.{month:02}.{year}", f"{day:02}/{month:02}/{year}"
            )
            if value not in self._seen:
                self._seen.add(value)
                break
        prose = self.pick(f"Date of birth: {value}", f"born on {value}", f"DOB {value}")
        return Made(value, (value,), prose, self.pick("date_of_birth", "dob", "birthdate"))

    def national_id(self) -> Made:
        value = f"{self.random.randrange(130, 665)}-{self.random.randrange(11, 99)}-{self.random.randrange(1001, 9999)}"
        prose = self.pick(f"SSN {value}", f"My social security number is {value}.")
        return Made(value, (value, _digits(value)), prose, self.pick("ssn", "social_security_number"))

    def iban(self) -> Made:
        bban = self.digits(18)
        check = 98 - int(f"{bban}131400") % 97
        compact = f"DE{check:02}{bban}"
        grouped = " ".join(compact[i : i + 4] for i in range(0, 22, 4))
        value = self.pick(compact, grouped)
        return Made(value, (compact, grouped, bban), self.pick(f"IBAN {value}", f"Pay to {value} today."), "iban")

    def bank_account(self) -> Made:
        value = self.digits(10)
        prose = self.pick(f"Account number {value}", f"bank account no. {value}")
        return Made(value, (value,), prose, self.pick("account_number", "bank_account"))

    def card(self) -> Made:
        compact = _luhn("4" + self.digits(14))
        grouped = " ".join(compact[i : i + 4] for i in range(0, 16, 4))
        value = self.pick(compact, grouped, grouped.replace(" ", "-"))
        needles = (compact[:12], grouped[:14], grouped[:14].replace(" ", "-"))
        return Made(value, needles, self.pick(f"My card is {value}.", f"Card {value}"), self.pick("card_number", "pan"))

    def secret_value(self) -> Made:
        body = self.secret(16)
        long = self.secret(36)
        upper = self.letters(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        jwt = ".".join(_url64(json.dumps(part)) for part in ({"alg": "HS256"}, {"sub": self.secret(12)})) + "." + long
        value, prose, key = self.random.choice(
            [
                (f"AKIA{upper}", "The key AKIA%s was used.", "aws_access_key_id"),
                (f"ghp_{long}", "token ghp_%s in the repository", "github_token"),
                (body, "password=%s", "password"),
                (body, "net use \\\\srv\\share /user:svc %s", "passwd"),
                (body, "Server=db1;Database=pay;User Id=svc;Password=%s;", "client_secret"),
                (body, "postgresql://svc:%s@db1.harbourbank.example/pay", "db_password"),
                (body, "curl -u svc:%s https://api.harbourbank.example/", "pwd"),
                (long, "Authorization: Bearer %s", "access_token"),
                (f"xoxb-{long}", "xoxb-%s", "slack_token"),
                (jwt, "%s", "session_token"),
            ]
        )
        plain = (
            value.partition("_")[2] if value.startswith("ghp_") else value.removeprefix("AKIA").removeprefix("xoxb-")
        )
        return Made(value, (plain[:120],), prose % plain, key)

    def host(self) -> Made:
        stem = next(self._surnames).lower().replace("ö", "o")
        value = f"ws-{stem}-{self.digits(3)}.harbourbank.example"
        return Made(value, (f"ws-{stem}",), self.pick(f"It runs on {value}.", f"Seen by {value}"), "host")

    def asset(self) -> Made:
        """A host that is listed in the organization."""
        value = f"SRV-{self.letters(6)}-{self.digits(2)}"
        return Made(value, (value,), self.pick(f"It runs on {value}.", f"Seen on {value} again"), "hostname")

    def internal_address(self) -> Made:
        while True:
            value = f"10.{'.'.join(str(self.random.randrange(100, 250)) for _ in range(3))}"
            if value not in self._seen:
                self._seen.add(value)
                break
        return Made(value, (value,), self.pick(f"Traffic from {value}", f"src {value} was blocked."), "src_ip")

    def mac(self) -> Made:
        pairs = [f"{self.random.randrange(256):02x}" for _ in range(3)]
        value = ":".join(["3c", "5a", "b4", *pairs])
        return Made(
            value, (value,), self.pick(f"MAC {value}", f"device {value} joined."), self.pick("mac", "mac_address")
        )

    def imei(self) -> Made:
        value = _luhn("35" + self.digits(12))
        return Made(value, (value,), self.pick(f"IMEI {value}", f"phone with IMEI: {value}"), "imei")

    def licence_plate(self) -> Made:
        value = f"{self.letters(2)}-{self.letters(2)} {self.digits(4)}"
        prose = self.pick(f"licence plate {value}", f"The car {value} stood there.", f"number plate: {value}")
        return Made(value, (value,), prose, self.pick("licence_plate", "license_plate"))

    def employee_id(self) -> Made:
        value = f"EMP-{self.digits(7)}"
        return Made(value, (value,), self.pick(f"employee id {value}", f"Personnel number {value}"), "employee_id")

    def customer_id(self) -> Made:
        value = f"C-{self.digits(8)}"
        return Made(value, (value,), self.pick(f"customer number {value}", f"customer id: {value}"), "customer_id")


#: A line break and what stands for one in JSON and quoted-printable; with the fold of a mail header.
_BREAK = re.compile(rb"=?(?:\r\n|\n|(?:\\r)?\\n)")
_BACKSLASHES = re.compile(rb"\\+")
#: What each kind is called in reports of failures, and how it is made.
KINDS: dict[str, Callable[[Maker], Made]] = {
    "PERSON": Maker.person,
    "PERSON listed": Maker.colleague,
    "USERNAME listed": Maker.username,
    "EMAIL": Maker.email,
    "PHONE": Maker.phone,
    "ADDRESS": Maker.address,
    "LOCATION": Maker.location,
    "ORGANIZATION": Maker.organization,
    "NRP": Maker.nrp,
    "AGE": Maker.age,
    "DATE_OF_BIRTH": Maker.date_of_birth,
    "NATIONAL_ID": Maker.national_id,
    "IBAN": Maker.iban,
    "BANK_ACCOUNT": Maker.bank_account,
    "CARD": Maker.card,
    "SECRET": Maker.secret_value,
    "HOST": Maker.host,
    "HOST listed": Maker.asset,
    "IP": Maker.internal_address,
    "MAC": Maker.mac,
    "IMEI": Maker.imei,
    "LICENCE_PLATE": Maker.licence_plate,
    "EMPLOYEE_ID": Maker.employee_id,
    "CUSTOMER_ID": Maker.customer_id,
}
#: Places in which people write.
PROSE = (
    "title", "body", "body, HTML", "body, base64", "fields, note", "attachment name", "attachment, text",
    "mail, subject", "mail, text", "mail, base64", "mail, quoted-printable", "mail, HTML", "mail, attachment",
)  # fmt: skip
#: Places in which machines write: a value stands under a key.
KEYED = (
    "body, JSON", "body, key=value", "body, CSV", "body, CEF", "body, HTML table", "fields, nested", "fields, event",
    "attachment, CSV", "attachment, JSON",
)  # fmt: skip
#: The reporter is one person or address a ticket.
REPORTERS = ("PERSON", "PERSON listed", "EMAIL", "USERNAME listed")


def crop(seed: int, tickets: int, how_many: int = HOW_MANY) -> list[list[Canary]]:
    """Canaries for that many tickets: every kind in every place that can hold it, in turn."""
    maker = Maker(seed)
    # Shuffled, so that a ticket holds many kinds.
    cells = [(kind, place) for place in (*PROSE, *KEYED) for kind in KINDS]
    maker.random.shuffle(cells)
    planted: list[list[Canary]] = [[] for _ in range(tickets)]
    for number, kind in zip(range(tickets), itertools.cycle(REPORTERS), strict=False):
        planted[number].append(_placed(KINDS[kind](maker), kind, "reporter"))
    turn = Counter[str]()
    for kind, place in itertools.cycle(cells):
        if sum(map(len, planted)) == how_many:
            break
        made = KINDS[kind](maker)
        if place in KEYED and made.key is None:
            continue
        planted[turn[place] % tickets].append(_placed(made, kind, place))
        turn[place] += 1
    return planted


def _placed(made: Made, kind: str, place: str) -> Canary:
    return Canary(kind=kind, place=place, value=made.value, needles=made.needles, prose=made.prose, key=made.key)


def write_bundle(source: Path, target: Path, canaries: Iterable[Canary]) -> None:
    """A copy of a policy bundle whose organization knows the listed canaries, and whose reports restore nothing."""
    yaml = YAML()
    target.mkdir(parents=True)
    for path in source.glob("*.yaml"):
        (target / path.name).write_text(path.read_text())
    organization = yaml.load(source / "organization.yaml")
    number = itertools.count(1)
    for canary in canaries:
        match canary.kind:
            case "PERSON listed":
                organization["people"].append({"username": f"u{next(number):05}", "name": canary.value})
            case "USERNAME listed":
                name = f"{FIRST[next(number) % len(FIRST)]} {canary.value[2:].capitalize()}"
                organization["people"].append({"username": canary.value, "name": name})
            case "HOST listed":
                n = next(number)
                address = f"10.10.{200 + n // 200}.{n % 200 + 1}"
                organization["assets"].append({"hostname": canary.value, "ip": address, "tier": 3, "kind": "server"})
    yaml.dump(organization, target / "organization.yaml")
    masking = yaml.load(source / "masking.yaml")
    masking["report"] = {"restore": [], "sources": []}
    masking.setdefault("patterns", []).extend(
        [{"entity": "EMPLOYEE_ID", "regex": "EMP-[0-9]{7}"}, {"entity": "CUSTOMER_ID", "regex": "C-[0-9]{8}"}]
    )
    yaml.dump(masking, target / "masking.yaml")


class Search:
    """Finds canaries in bytes: as they are in any case, escaped as in JSON and URLs, in base64 and UTF-16."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        self._folded: list[Canary] = []
        self._exact: list[Canary] = []
        self._in_any_case = _new_set()
        self._as_written = _new_set()
        for canary in canaries:
            for needle in canary.needles:
                assert len(needle) >= 6, canary
                url, quoted = quote(needle), quopri.encodestring(needle.encode()).decode()
                for text in {needle, json.dumps(needle)[1:-1], escape(needle), url, url.replace("%20", "+"), quoted}:
                    self._in_any_case.Add(_latin(text.lower().encode()))
                    self._folded.append(canary)
                for raw in {*_in_base64(needle.encode()), needle.encode("utf-16-le")}:
                    self._as_written.Add(_latin(raw))
                    self._exact.append(canary)
        self._in_any_case.Compile()
        self._as_written.Compile()

    def find(self, data: bytes) -> set[Canary]:
        """The canaries that `data` gives away."""
        found: set[Canary] = set()
        # Once as it is, once without line breaks: mails break base64, headers and quoted-printable into lines.
        for view in (data, _BREAK.sub(b"", _BACKSLASHES.sub(rb"\\", data))):
            found.update(self._folded[index] for index in self._in_any_case.Match(view.lower()) or [])
            found.update(self._exact[index] for index in self._as_written.Match(view) or [])
        return found


def _new_set() -> re2.Set:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.literal = True
    options.max_mem = 1 << 30
    return re2.Set.SearchSet(options)


def _latin(raw: bytes) -> str:
    return raw.decode("latin-1")


def _in_base64(raw: bytes) -> list[bytes]:
    """What every base64 text that holds `raw` shows of it, at each of the three alignments."""
    found = []
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        middle = encoded[(0, 2, 3)[shift] :].rstrip(b"=")
        if (shift + len(raw)) % 3:
            middle = middle[:-1]
        if len(middle) >= 10:
            found += [middle, middle.replace(b"+", b"-").replace(b"/", b"_")]
    return found


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def _luhn(stem: str) -> str:
    total = sum(
        digit if index % 2 else sum(divmod(digit * 2, 10)) for index, digit in enumerate(map(int, reversed(stem)))
    )
    return f"{stem}{-total % 10}"


def _url64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
