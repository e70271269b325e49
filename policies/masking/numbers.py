"""Numbers that carry their own proof: cards, bank accounts, identity numbers. Everything here takes ASCII text."""

from __future__ import annotations

import re
import string

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

#: Leaves out what is no digit.
_DIGITS = {code: None for code in range(128) if not chr(code).isdecimal()}
#: Leaves out digits.
_MARKS = {ord(digit): None for digit in "0123456789"}
#: Letters of an IBAN as numbers: A is 10.
_VALUES = {ord(letter): str(ord(letter) - 55) for letter in string.ascii_uppercase}
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def iban_end(text: str) -> int:
    """How many characters of a text that begins with an IBAN belong to it; 0 when it begins with none."""
    wanted = _IBAN_LENGTHS.get(text[:2].upper(), 0)
    places = [index for index, character in enumerate(text) if character.isalnum()][:wanted]
    if not wanted or len(places) < wanted:
        return 0
    compact = "".join([text[index] for index in places]).upper()
    return places[-1] + 1 if int((compact[4:] + compact[:4]).translate(_VALUES)) % 97 == 1 else 0


def count_of_digits(text: str) -> int:
    """How many digits there are."""
    return len(text.translate(_DIGITS))


#: How the digits of a card are grouped; one kind of mark between the groups.
_CARD_GROUPS = frozenset({(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (4, 4, 4, 3), (4, 4, 4, 1), (6, 13)})


def card_is_valid(text: str) -> bool:
    """Luhn check, the lengths and groups cards have, and the first digits that issuers use."""
    digits = text.translate(_DIGITS)
    if not is_luhn(digits) or len(set(digits)) < 2 or not _grouped_as_card(text):
        return False
    match len(digits):
        case 15:
            return digits[:2] in ("34", "37") or digits[:4] in ("1800", "2131")
        case 14:
            return digits[:2] in ("30", "36", "38")
        case 16:
            return digits[0] in "456" or digits[:2] == "35" or 2221 <= int(digits[:4]) <= 2720
        case 13:
            return digits[0] == "4"
        case 19:  # bare ones are numbers of events far more often
            return digits[0] in "46" and not text.isdigit()
        case _:
            return False


def labelled_card_is_valid(text: str) -> bool:
    """A card as ISO 7812 allows it (12 digits are Maestro's), where a label says that it is one."""
    digits = text.translate(_DIGITS)
    return 12 <= len(digits) <= 19 and len(set(digits)) > 1 and is_luhn(digits)


def _grouped_as_card(text: str) -> bool:
    marks = set(text.translate(_MARKS))
    return not marks or (len(marks) == 1 and tuple(map(len, text.split(marks.pop()))) in _CARD_GROUPS)


def ssn_is_valid(text: str) -> bool:
    """A United States social security number that could have been issued; one kind of mark, if any, between groups."""
    digits = text.translate(_DIGITS)
    if len(digits) != 9 or len(set(text.translate(_MARKS))) > 1:
        return False
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"


def routing_is_valid(text: str) -> bool:
    """A routing number of the American Bankers Association: nine digits, weighted 3, 7, 1."""
    digits = text.translate(_DIGITS)
    weighted = sum(int(digit) * weight for digit, weight in zip(digits, (3, 7, 1) * 3, strict=False))
    return len(digits) == 9 and len(set(digits)) > 1 and weighted % 10 == 0


def imei_is_valid(text: str) -> bool:
    """The 15 digits of a device with their Luhn digit, or 16 with a software version instead."""
    digits = text.translate(_DIGITS)
    return len(set(digits)) > 2 and (len(digits) == 16 or (len(digits) == 15 and is_luhn(digits)))


def nric_is_valid(text: str) -> bool:
    """A Singaporean identity number (NRIC or FIN): the letter is a weighted sum modulo 11."""
    kind, digits, letter = text[0].upper(), text[1:-1], text[-1].upper()
    total = sum(int(digit) * weight for digit, weight in zip(digits, (2, 7, 6, 5, 4, 3, 2), strict=True))
    letters = {"S": "JZIHGFEDCBA", "T": "GFEDCBAJZIH", "F": "XWUTRQPNMLK", "G": "RQPNMLKXWUT", "M": "XWUTRQPNJLK"}
    return letters[kind][(total + 3 * (kind == "M")) % 11] == letter


def nir_is_valid(text: str) -> bool:
    """A French social security number: 13 digits and their key modulo 97."""
    compact = re.sub(r"[ .\-]", "", text).replace("2A", "19").replace("2B", "18")
    return compact.isdigit() and len(compact) == 15 and 97 - int(compact[:13]) % 97 == int(compact[13:])


def dni_is_valid(text: str) -> bool:
    """A Spanish identity number (DNI or NIE): the letter is the number modulo 23."""
    compact = text.replace("-", "")
    digits = str("XYZ".index(compact[0])) + compact[1:-1] if compact[0] in "XYZ" else compact[:-1]
    return _DNI_LETTERS[int(digits) % 23] == compact[-1]


def labelled_id_end(text: str) -> int:
    """How much of what follows `SSN:` or `Tax ID:` belongs to it: groups with digits, five digits or more, no date."""
    end = 0
    for match in re.finditer(r"[^ ]+", text):
        if not any(character.isdigit() for character in match.group()) and not (match.end() < 4 and match.start() == 0):
            break
        end = match.end()
    digits = sum(character.isdigit() for character in text[:end])
    return end if digits >= 5 and not _DATED.match(text) else 0


def account_is_plausible(text: str) -> bool:
    """As many digits as an account has, and not a date."""
    digits = text.translate(_DIGITS)
    return 6 <= len(digits) <= 18 and len(set(digits)) > 1 and not _DATED.match(text)


_DATED = re.compile(r"(?:19|20)\d\d[-./]\d\d?[-./]\d\d?|\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d\d")


def phone_is_plausible(text: str) -> bool:
    """As many digits as a telephone number has (ITU-T E.164), and not a date or a dotted address."""
    digits = text.translate(_DIGITS) if text.isascii() else re.sub(r"\D", "", text)
    if not 7 <= len(digits) <= 15 or len(set(digits)) < 3:
        return False
    return not _DATE_OR_ADDRESS.match(text.lstrip("+("))


_DATE_OR_ADDRESS = re.compile(r"(?:19|20)\d\d[-./]\d\d?[-./]\d\d?|\d{1,3}(?:\.\d{1,3}){2,3}$")


def is_luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of the others."""
    doubled = digits[-2::-2].translate(_DOUBLED)
    # The codes of digits are 48 and more.
    return bool(digits) and (sum((digits[-1::-2] + doubled).encode()) - 48 * len(digits)) % 10 == 0


#: Each digit doubled, and the digits of that added up.
_DOUBLED = str.maketrans("0123456789", "0246813579")


def plate_is_plausible(text: str) -> bool:
    """What follows `plate:`: capitals and digits together, as many as fit on one, and no version or date."""
    compact = re.sub(r"[^A-Za-z0-9]", "", text)
    digits = sum(character.isdigit() for character in compact)
    return 4 <= len(compact) <= 9 and 1 <= digits < len(compact)
