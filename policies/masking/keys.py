"""What the key of a JSON object says about its value, whatever the value looks like."""

from __future__ import annotations

import re

from policies.masking.common_words import COMMON
from policies.masking.numbers import phone_is_plausible
from policies.masking.people import is_single_name
from policies.masking.rules import Entity
from policies.masking.words import is_indicator, is_name

#: Characters of the shortest value that is taken for a secret.
MIN_SECRET = 4

_SECRET = re.compile(
    r"(?:.*[_.-])?(?:pass(?:word|wd|phrase|wort|code)|pwd|(?:aws)?secret_?access_?key|secret_?key|client_?secret|api_?key"
    r"|(?:access|refresh|session|auth|id|bearer)_?token|private_?key|authorization)",
    re.IGNORECASE,
)
#: The rest is matched in lower case, with `_` between words.
_NAME = re.compile(
    r"(?:.*_)?(?:(?:display|full|real|legal|customer|client|employee|card_?holder|contact|account_?holder|owner|holder"
    r"|patient|payee|beneficiary)_?name"
    r"|customer|contact|card_?holder|account_?holder|beneficiary|payee|patient|kunde|kundin|kontoinhaber(?:in)?)"
)
_SINGLE_NAME = re.compile(
    r"(?:.*_)?(?:(?:first|last|given|family|middle|maiden|sur|fore)_?name|vorname|nachname|prenom|apellidos?|cognome)"
)
_PHONE = re.compile(r"(?:.*_)?(?:phone|telephone|telefon|mobile|cell|fax|tel|msisdn|callback)(?:_?(?:number|no|nr))?")
_STREET = re.compile(
    r"(?:.*_)?(?:street(?:_?(?:address|name|line))?|address_?line_?[0-9]?"
    r"|(?:home|postal|billing|shipping|mailing|delivery|residential|private)_?address|strasse|anschrift)"
)
_BIRTH = re.compile(r"(?:.*_)?(?:date_?of_?birth|birth_?(?:date|day)|dob|geburtsdatum)")
#: What looks like a secret although its key only says `secret` or `token`.
_RANDOM = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+/=_.~-]{16,}")
_PHONE_FORM = re.compile(r"\+?[0-9(][0-9 ().\-/]{5,22}[0-9]")
_DATE_FORM = re.compile(r"(?=(?:.*[0-9]){4})[0-9A-Za-z ,.\-/]{6,20}(?:T[0-9:.Z+]+)?")
_STREET_FORM = re.compile(r"(?=.*[A-Za-z]{3})(?=.*[0-9 ])[^@:{}<>=\\]{4,120}")


def is_telling(key: str) -> bool:
    """Whether a key says anything about its value."""
    plain = _plain(key)
    patterns = (_NAME, _SINGLE_NAME, _PHONE, _STREET, _BIRTH)
    return bool(_SECRET.fullmatch(key)) or plain in ("secret", "token") or any(p.fullmatch(plain) for p in patterns)


def meaning(key: str, value: str) -> Entity | None:
    """What a value under a key is as a whole; None where the key says nothing or the value does not fit."""
    if _SECRET.fullmatch(key):
        plain_word = len(value) < MIN_SECRET or value.casefold() in COMMON or not value.strip("*xX")
        return None if plain_word else "SECRET"
    plain = _plain(key)
    if plain in ("secret", "token"):
        return "SECRET" if _RANDOM.fullmatch(value) and not is_indicator(value) else None
    if _BIRTH.fullmatch(plain):
        return "DATE_OF_BIRTH" if _DATE_FORM.fullmatch(value) else None
    if _PHONE.fullmatch(plain):
        return "PHONE" if _PHONE_FORM.fullmatch(value) and phone_is_plausible(value) else None
    if _STREET.fullmatch(plain):
        return "ADDRESS" if _STREET_FORM.fullmatch(value) and not is_indicator(value) else None
    if _SINGLE_NAME.fullmatch(plain):
        return "PERSON" if is_single_name(value, ()) else None
    capitalised = all(word[:1].isupper() for word in value.split())
    return "PERSON" if _NAME.fullmatch(plain) and capitalised and is_name(value, ()) else None


def _plain(key: str) -> str:
    """`customerFirstName`, `Customer first-name` → `customer_first_name`."""
    return re.sub(r"[\s.\-]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key)).lower()
