"""What the key of a field says about its value, whatever the value looks like."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from policies.masking.common_words import COMMON, NO_SECRETS, ORGANIZATION_WORDS
from policies.masking.key_words import (
    ABOUT_A_PERSON,
    JOINING,
    MACHINES,
    MAX_WORDS,
    NO_ACCOUNTS,
    NOT_PERSONAL,
    RECORD_WORDS,
    TAILS,
    TOP_LEVELS,
    Kind,
)
from policies.masking.numbers import phone_is_plausible
from policies.masking.people import is_given_name, is_single_name
from policies.masking.rules import Entity
from policies.masking.views import shape_of
from policies.masking.words import is_indicator, is_name, words_of

#: Characters of the shortest value that is taken for a secret.
MIN_SECRET = 4
#: Characters of the longest key and of the longest value that are looked at.
MAX_KEY = 100
MAX_VALUE = 4_096

#: What looks like a secret although its key only says `secret` or `token`.
_RANDOM = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+/=_.~-]{16,}")
_CODE = re.compile(r"[0-9]{3,8}|(?=[A-Z]*[0-9])[A-Z0-9]{5,8}|[0-9]{3}[ -][0-9]{3}")
_PHONE_FORM = re.compile(r"\+?[0-9(][0-9 ().\-/]{5,22}[0-9](?: ?(?:x|ext\.?) ?[0-9]{1,6})?")
_DATE_FORM = re.compile(r"(?=(?:.*[0-9]){4})[0-9A-Za-z ,.\-/]{6,20}(?:T[0-9:.Z+]+)?")
_STREET_FORM = re.compile(r"(?=.*[A-Za-z]{3})(?=.*[0-9 ])[^@:{}<>=\\]{4,200}")
_PLACE_FORM = re.compile(r"(?=.*[^\W\d_]{3})[^\W\d_][^\d@:{}<>=\\/_]{2,60}")
_POSTCODE_FORM = re.compile(r"(?=.*[0-9]{2}|[A-Z]{1,2}[0-9])[A-Z0-9][A-Z0-9 \-]{2,9}")
_ORGANIZATION_FORM = re.compile(r"(?=.*[^\W\d_]{2})[^@{}<>=\\|]{2,100}")
_WORDS_FORM = re.compile(r"[^\W\d_][^\d@:{}<>=\\/_]{2,40}")
_ID_FORM = re.compile(r"(?=(?:.*[0-9]){4})[A-Z0-9][A-Z0-9 ./\-]{3,24}", re.IGNORECASE)
_STAFF_FORM = re.compile(r"(?=(?:.*[0-9]){2})[A-Z]{0,6}[ .#\-]?[0-9][A-Z0-9.\-/]{1,15}", re.IGNORECASE)
_IBAN_FORM = re.compile(r"[A-Z]{2}[0-9]{2}(?:[ \-]?[A-Z0-9]{1,4}){2,8}", re.IGNORECASE)
_NUMBER_FORM = re.compile(r"(?=(?:.*[0-9]){6})[0-9][0-9 .\-/]{4,24}[0-9]")
_MAC_FORM = re.compile(r"(?:[0-9A-F]{2}[:\-]?){5}[0-9A-F]{2}|(?:[0-9A-F]{4}\.){2}[0-9A-F]{4}", re.IGNORECASE)
_PLATE_FORM = re.compile(r"(?=.*[0-9])(?=.*[^\W\d_])[^\W_][\w \-·]{2,11}")
_MAILBOX_FORM = re.compile(r"[^\s@:/<>\"']{1,64}@[^\s@:/<>\"',;]{2,255}")
#: A web address, a placeholder or a template is no secret.
_NO_SECRET = re.compile(
    r"[*xX.\-#•\[\]<>() ]*|<[^<>]*>|\$?\{+[^{}]*\}+|\$\w+|%\w+%|(?i:null|none|nil|n/?a|true|false|redacted|masked"
    r"|\W*(?:redacted|filtered|removed|hidden|masked)\W*|expired|changed|undefined|empty|missing|hidden_due_to\w+)"
)
_ACCOUNT_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+\-]{0,62}[A-Za-z0-9_]")
_PERSONAL_ACCOUNT = re.compile(r"[A-Za-z]{1,20}\.[A-Za-z]{2,20}(?:\.[A-Za-z]{2,20})?[0-9]{0,3}")
#: Ids of machines, not names of accounts.
_IDENTIFIER = re.compile(
    r"[0-9.\-_]+|(?i:[0-9a-f]{12,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|s-1-[0-9\-]+|0x[0-9a-f]+)"
    r"|(?=[A-Z]*[0-9])[A-Z0-9]{9,}|(?=.*[0-9])(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9]{16,}"
)


def is_telling(key: str) -> bool:
    """Whether a key says anything about its value."""
    return kind_of(key) is not None


def meaning(key: str, value: str) -> Entity | None:
    """What a value under a key is as a whole; None where the key says nothing or the value does not fit."""
    kind = kind_of(key)
    if kind is None or not value or len(value) > MAX_VALUE:
        return None
    return _READERS[kind](value)


def joined(parent: str, key: str) -> str:
    """The key of a value inside the object under another key: `users`, `name` → `user.name`."""
    if not parent:
        return key
    one = parent[:-1] if parent.endswith("s") and not parent.endswith("ss") else parent
    return f"{one}.{key}"


def in_record(key: str, keys: Iterable[str]) -> str:
    """The key again, or with whose it is: a `city` beside a street or a first name is somebody's home."""
    if "".join(_words(key)) not in RECORD_WORDS:
        return key
    return f"person.{key}" if any(kind_of(other) in ABOUT_A_PERSON for other in keys) else key


@lru_cache(maxsize=8_192)
def kind_of(key: str) -> Kind | None:
    """What a key promises, by the longest run of words at its end that promises something."""
    if not key or len(key) > MAX_KEY:
        return None
    words = _words(key)
    for count in range(min(MAX_WORDS, len(words)), 0, -1):
        tail = "".join(words[-count:])
        kind = TAILS.get(tail) or (TAILS.get(tail[:-1]) if tail.endswith("s") else None)
        if kind is not None:
            return None if _is_of_machines(kind, words[:-count]) else kind
    return None


def _is_of_machines(kind: Kind, before: list[str]) -> bool:
    """Whether the words before say that the value belongs to a machine, a tenant or a firm."""
    if kind == "AGE":
        return bool(before)
    return not MACHINES.get(kind, frozenset()).isdisjoint(before)


@lru_cache(maxsize=8_192)
def _words(key: str) -> list[str]:
    """`customerFirstName`, `Customer first-name`, `cs1.CustomerFirstName2` → `customer`, `first`, `name`."""
    plain = shape_of(key).decode()
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", plain).lower()
    words = (word.strip("0123456789") for word in re.findall(r"[a-z0-9]+", apart))
    return [word for word in words if word]


def _full_name(value: str) -> Entity | None:
    """Two words or more that read like a name; a given name may stand alone."""
    words = value.replace(",", " ").split()
    if len(words) < 2:
        return "PERSON" if words and value[:1].isupper() and is_given_name(value) else None
    proper = all(word[:1].isupper() or word.casefold() in JOINING for word in words)
    named = " ".join(word for word in words if len(word.strip(".")) > 1)
    if not proper or not words[-1][:1].isupper() or is_indicator(value):
        return None
    return "PERSON" if is_name(value, ()) or (len(words) > 2 and is_name(named, ())) else None


def _single_name(value: str) -> Entity | None:
    return "PERSON" if is_single_name(value, ()) else None


def _party(value: str) -> Entity | None:
    return _full_name(value) or _actor(value)


def _street(value: str) -> Entity | None:
    """An address, or the name that stands in its first line."""
    if not any(character.isdigit() for character in value) and is_given_name(value.split(None, 1)[0]):
        return _full_name(value)
    return "ADDRESS" if _STREET_FORM.fullmatch(value) and not is_indicator(value) else None


def _account(value: str) -> Entity | None:
    """A plain account, or a person or mailbox where an account is expected."""
    if "@" in value:
        return _mailbox(value)
    if " " in value:
        return _full_name(value)
    return "USERNAME" if _is_account(value) else None


def _actor(value: str) -> Entity | None:
    if "@" in value:
        return _mailbox(value)
    if " " in value:
        return _full_name(value)
    return "USERNAME" if _PERSONAL_ACCOUNT.fullmatch(value) and _is_account(value) else None


def _is_account(value: str) -> bool:
    if not _ACCOUNT_FORM.fullmatch(value) or _IDENTIFIER.fullmatch(value):
        return False
    folded = value.casefold()
    words = words_of(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", value))
    if folded in NO_ACCOUNTS or folded.rstrip("0123456789").endswith("account") or not NOT_PERSONAL.isdisjoint(words):
        return False
    if all(word in COMMON or word.isdigit() for word in words):
        return False
    if "." not in value:
        return True
    last = folded.rpartition(".")[2]
    return value.count(".") <= 2 and len(last) != 2 and last not in TOP_LEVELS


def _mailbox(value: str) -> Entity | None:
    return "EMAIL" if _MAILBOX_FORM.fullmatch(value) else None


def _secret(value: str) -> Entity | None:
    word = value.casefold()
    if len(value) < MIN_SECRET or word in COMMON or word in NO_SECRETS or _NO_SECRET.fullmatch(value):
        return None
    return "SECRET"


def _random(value: str) -> Entity | None:
    identifier = re.fullmatch(r"(?i:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|arn:.*)", value)
    return "SECRET" if _RANDOM.fullmatch(value) and not identifier and not is_indicator(value) else None


def _organization(value: str) -> Entity | None:
    words = words_of(value)
    plain = all(word in COMMON or word in ORGANIZATION_WORDS for word in words)
    fits = _ORGANIZATION_FORM.fullmatch(value) and not plain and not is_indicator(value)
    return "ORGANIZATION" if fits and not _IDENTIFIER.fullmatch(value) else None


def _fits(entity: Entity, form: re.Pattern[str], *, indicator: bool = False) -> Callable[[str], Entity | None]:
    """Reads a value by its form alone, and unless `indicator` refuses what is evidence."""
    return lambda value: entity if form.fullmatch(value) and (indicator or not is_indicator(value)) else None


def _digits(entity: Entity, least: int, most: int) -> Callable[[str], Entity | None]:
    """Reads a number with so many digits."""

    def read(value: str) -> Entity | None:
        count = sum(map(str.isdigit, value))
        return entity if least <= count <= most and _NUMBER_FORM.fullmatch(value) else None

    return read


def _worded(entity: Entity, form: re.Pattern[str]) -> Callable[[str], Entity | None]:
    """Reads words of which one at least is not a common one."""

    def read(value: str) -> Entity | None:
        common = all(word in COMMON for word in words_of(value))
        return entity if form.fullmatch(value) and not common and not is_indicator(value) else None

    return read


_READERS: dict[Kind, Callable[[str], Entity | None]] = {
    "NAME": _full_name,
    "SINGLE": _single_name,
    "PARTY": _party,
    "USERNAME": _account,
    "ACTOR": _actor,
    "EMAIL": _mailbox,
    "PHONE": lambda value: "PHONE" if _PHONE_FORM.fullmatch(value) and phone_is_plausible(value) else None,
    "STREET": _street,
    "POSTCODE": _fits("ADDRESS", _POSTCODE_FORM),
    "LOCATION": _worded("LOCATION", _PLACE_FORM),
    "ORGANIZATION": _organization,
    "NRP": _worded("NRP", _WORDS_FORM),
    "AGE": lambda value: "AGE" if value.isdecimal() and 0 < len(value) < 4 and 0 < int(value) < 120 else None,
    "BIRTH": _fits("DATE_OF_BIRTH", _DATE_FORM, indicator=True),
    "NATIONAL_ID": _fits("NATIONAL_ID", _ID_FORM),
    "IBAN": _fits("IBAN", _IBAN_FORM, indicator=True),
    "BANK_ACCOUNT": _digits("BANK_ACCOUNT", 6, 20),
    "CARD": _digits("CARD", 12, 19),
    "MAC": _fits("MAC", _MAC_FORM, indicator=True),
    "IMEI": _digits("IMEI", 14, 17),
    "LICENCE_PLATE": _fits("LICENCE_PLATE", _PLATE_FORM),
    "EMPLOYEE_ID": _fits("EMPLOYEE_ID", _STAFF_FORM),
    "CUSTOMER_ID": _fits("CUSTOMER_ID", _STAFF_FORM),
    "SECRET": _secret,
    "CODE": _fits("SECRET", _CODE, indicator=True),
    "RANDOM": _random,
}
