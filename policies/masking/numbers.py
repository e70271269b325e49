"""Numbers that carry their own proof: cards, bank accounts, identity numbers. Everything here takes ASCII text."""

from __future__ import annotations

import re

#: IBAN lengths by country (SWIFT registry); a number of another length is not an IBAN.
_IBAN_LENGTHS = {
    **dict.fromkeys(("NO",), 15),
    **dict.fromkeys(("BE",), 16),
    **dict.fromkeys(("DK", "FI", "FO", "GL", "NL"), 18),
    **dict.fromkeys(("MK", "SI"), 19),
    **dict.fromkeys(("AT", "BA", "EE", "KZ", "LT", "LU", "XK"), 20),
    **dict.fromkeys(("CH", "HR", "LI", "LV"), 21),
    **dict.fromkeys(("BG", "BH", "CR", "DE", "GB", "GE", "IE", "ME", "RS"), 22),
    **dict.fromkeys(("AE", "GI", "IL", "TL"), 23),
    **dict.fromkeys(("AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG"), 24),
    **dict.fromkeys(("PT", "ST"), 25),
    **dict.fromkeys(("IS", "TR"), 26),
    **dict.fromkeys(("FR", "GR", "IT", "MC", "SM"), 27),
    **dict.fromkeys(("AL", "AZ", "CY", "DO", "GT", "HU", "LB", "PL"), 28),
    **dict.fromkeys(("BR", "PS", "QA", "UA"), 29),
    **dict.fromkeys(("JO", "KW", "MU"), 30),
    **dict.fromkeys(("MT", "SC"), 31),
}
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def iban_end(text: str) -> int:
    """How many characters of a text that begins with an IBAN belong to it; 0 when it begins with none."""
    wanted = _IBAN_LENGTHS.get(text[:2])
    compact = ""
    for index, character in enumerate(text):
        if character.isalnum():
            compact += character
        if len(compact) == wanted:
            return index + 1 if _mod97(compact[4:] + compact[:4]) == 1 else 0
    return 0


def card_is_valid(text: str) -> bool:
    """Luhn check, the lengths cards have, and the first digits that issuers use."""
    digits = re.sub(r"\D", "", text)
    if not _luhn(digits) or len(set(digits)) < 2:
        return False
    match len(digits):
        case 15:
            return digits[:2] in ("34", "37")
        case 14:
            return digits[:2] in ("30", "36", "38")
        case 16:
            return digits[0] in "456" or digits[:2] == "35" or 2221 <= int(digits[:4]) <= 2720
        case 13 | 19:
            return digits[0] in "46"
        case _:
            return False


def ssn_is_valid(text: str) -> bool:
    """A United States social security number that could have been issued."""
    area, group, serial = text.split("-")
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"


def nir_is_valid(text: str) -> bool:
    """A French social security number: 13 digits and their key modulo 97."""
    compact = text.replace(" ", "").replace("2A", "19").replace("2B", "18")
    return compact.isdigit() and len(compact) == 15 and 97 - int(compact[:13]) % 97 == int(compact[13:])


def dni_is_valid(text: str) -> bool:
    """A Spanish identity number (DNI or NIE): the letter is the number modulo 23."""
    compact = text.replace("-", "")
    digits = str("XYZ".index(compact[0])) + compact[1:-1] if compact[0] in "XYZ" else compact[:-1]
    return _DNI_LETTERS[int(digits) % 23] == compact[-1]


def labelled_id_is_plausible(text: str) -> bool:
    """Something after `SSN:` or `Tax ID:` that has the digits of a number."""
    return sum(character.isdigit() for character in text) >= 5


def phone_is_plausible(text: str) -> bool:
    """As many digits as a telephone number has (ITU-T E.164), and not a date or a dotted address."""
    digits = re.sub(r"\D", "", text)
    if not 7 <= len(digits) <= 15 or len(set(digits)) < 3:
        return False
    return not re.match(r"(?:19|20)\d\d[-./]\d\d?[-./]\d\d?|\d{1,3}(?:\.\d{1,3}){3}$", text.lstrip("+("))


def _luhn(digits: str) -> bool:
    total = 0
    for index, character in enumerate(reversed(digits)):
        digit = int(character) * (1 + index % 2)
        total += digit - 9 if digit > 9 else digit
    return bool(digits) and total % 10 == 0


def _mod97(compact: str) -> int:
    return int("".join(str(int(character, 36)) for character in compact.upper())) % 97
