"""Patterns for ways to reach somebody: mailboxes, telephones, streets, and dates of birth. Over ASCII, like all."""

from __future__ import annotations

import re

from policies.masking import numbers
from policies.masking.common_words import COMMON
from policies.masking.patterns import Pattern, all_if

_DATE = (
    r"[0-9]{1,2}[./\-][0-9]{1,2}[./\-](?:19[0-9]{2}|200[0-9]|201[0-5]|[0-9]{2})"
    r"|(?:19[0-9]{2}|200[0-9]|201[0-5])[-/][0-9]{2}[-/][0-9]{2}"
    r"|[0-9]{1,2}(?:st|nd|rd|th|\.)? [A-Z][a-z]{2,8} (?:19[0-9]{2}|200[0-9]|201[0-5])"
    r"|[A-Z][a-z]{2,8} [0-9]{1,2},? (?:19[0-9]{2}|200[0-9]|201[0-5])"
)
BIRTH = Pattern(
    entity="DATE_OF_BIRTH",
    regex=r"(?i:\b(?:date of birth|birth[ _-]?date|date_of_birth|birthday|d\.?o\.?b\.?|born(?: on)?|geboren(?: am)?"
    r"|geb\.|geburtsdatum|nee? le|nat[oa] il|nacid[oa] el|date de naissance|data di nascita|fecha de nacimiento"
    r"|geboortedatum)"
    rf"(?:[.?]? (?:it's|it is|is|was))?)[\"']?[ \t]*[:=]?[ \t]*[\"']?({_DATE})",
)

_EXTENSION = r"(?: ?(?:x|ext\.?) ?[0-9]{1,5})?"
_DIGITS = r"\(?[0-9][0-9 ().\-/]{5,20}[0-9]"
_CALLED = (
    r"tel|phone|telephone|telefon|mobile|mobil|cell|fax|handy|whatsapp|rufnummer|durchwahl|telefono|movil|cellulare"
    r"|(?:call|reach|ring) (?:me|us|him|her|them)(?: back)?(?: (?:at|on|under))?|(?:call|reached) (?:at|on)"
)
#: These need a colon: a desk has other numbers too.
_CALLED_WITH_COLON = r"callback|call back|hotline|desk|ruckruf(?:nummer)?|contact(?: number)?"
#: 040 5550 2231, 0151/2345678, 01 23 45 67 89, (08) 8747 6301, 0049 40 5550 1477
_NATIONAL = (
    r"0[1-9][0-9]{1,4}[ /][0-9]{3,8}(?:[ \-][0-9]{2,5}){0,3}"
    r"|0[1-9][0-9]{1,4}(?:-[0-9]{2,5}){2,3}"
    r"|0[1-9](?:[ .\-][0-9]{2}){4}"
    r"|\(0[1-9][0-9]{0,4}\) ?[0-9]{2,8}(?:[ \-][0-9]{2,5}){0,3}"
    r"|00[1-9][0-9]{0,2}[ \-/][1-9(][0-9 ()\-/]{6,16}[0-9]"
)


_DOTTED_TAIL = re.compile(r"[ .][0-9]{1,3}(?:\.[0-9]{0,3}){1,3}$")


def _national(text: str) -> bool:
    return 9 <= sum(map(str.isdigit, text)) <= 15 and numbers.phone_is_plausible(text)


def _phone_end(text: str) -> int:
    """How much of a text is a number, when what follows it are digits too: a date, an address of a network."""
    if numbers.phone_is_plausible(text):
        return len(text)
    end = len(_DOTTED_TAIL.sub("", text))
    while end > 0:
        if numbers.phone_is_plausible(text[:end]):
            return end
        end = max(text.rfind(" ", 0, end), text.rfind(".", 0, end), 0)
    return 0


PHONES = (
    Pattern(
        entity="PHONE",
        regex=rf"\+[1-9][0-9 ().\-/]{{6,20}}[0-9]{_EXTENSION}",
        check=_phone_end,
        not_beside="+",
    ),
    Pattern(
        entity="PHONE",
        regex=rf"(?i:\b(?:(?:{_CALLED})\b\.?(?:[ _-]?(?:no|nr|number)\b\.?)?(?: is\b)?[\"']?[ \t]*[:#=]?"
        rf"|(?:{_CALLED_WITH_COLON})[\"']?[ \t]*:)[ \t]*(?:\r?\n)?[ \t]*[\"']?)({_DIGITS}{_EXTENSION})",
        check=_phone_end,
    ),
    Pattern(
        entity="PHONE",
        regex=rf"(?:\([2-9][0-9]{{2}}\) ?|[2-9][0-9]{{2}}[-.])[2-9][0-9]{{2}}[-.][0-9]{{4}}{_EXTENSION}",
        check=all_if(numbers.phone_is_plausible),
        not_beside="-./",
    ),
    Pattern(entity="PHONE", regex=_NATIONAL, check=all_if(_national), not_beside="-./:+,", alone=True),
)

_WORD = r"[A-Z][A-Za-z'\-]+"
_NUMBER = r"[0-9]{1,4}(?: ?[a-z]\b|[A-Za-z]\b)?(?: ?[/\-] ?[0-9]{1,4}[a-z]?\b)?"
_TOWN = r"(?:[A-Z]{1,2}-)?[0-9]{4,5} [A-Z][A-Za-z\-]+"
#: The flat, and the town where its postal code shows what it is.
_REST = rf"(?:,? (?:Apt|Apartment|Suite|Unit|Flat|App)\.? ?#?[0-9][0-9A-Za-z\-]*)?(?:,?[ \t]*(?:\r?\n)?[ \t]*{_TOWN})?"
_ARTICLE = r"(?:(?i:de la|de los|de las|della|delle|dell|degli|dei|del|de l|de|du|des|do|da|dos|das|d|l|la|le|les)[ '])"
_BEFORE = (
    r"(?:(?:Grose[rs]?|Kleine[rs]?|Alte[rs]?|Neue[rs]?|Obere|Untere|Lange|Hohe[rs]?|Am|An der|An den|Auf dem|Auf der"
    r"|Im|In der|Zum|Zur|Sankt|St\.) )?"
)
_STREETS = (
    # Hauptstraße 5a, Max-Brauer-Allee 7, Villacher Straße 89
    (
        rf"{_BEFORE}[A-Z][A-Za-z\-]*(?i:strass?e|str\.|weg|platz|allee|gasse|ufer|damm|chaussee|stieg|promenade|twiete)"
        rf" {_NUMBER}"
    ),
    rf"(?:[A-Z][a-z\-]+ ){{1,2}}(?:Strass?e|Str\.|Weg|Platz|Allee|Gasse|Ufer|Damm|Chaussee) {_NUMBER}",
    # What also ends other words needs the town: Heidering 12, 20095 Hamburg
    rf"[A-Z][A-Za-z\-]*(?:ring|markt|hof|wall|kamp|berg|feld|graben|brucke|deich|kai|pfad) {_NUMBER},? {_TOWN}",
    # Parijsstraat 8, Storgatan 3, Ringvej 144
    (
        rf"[A-Z][A-Za-z\-]*(?:straat|laan|gracht|plein|kade|singel|dijk|gatan|gata|vagen|vegen|veien|vej|gade|katu)"
        rf" {_NUMBER}"
    ),
    rf"(?:ul|al|os|pl)\. ?{_WORD}(?: {_WORD}){{0,3}} {_NUMBER}",
    rf"{_WORD}(?: {_WORD}){{0,2}} (?:utca|korut|krt\.|ter) {_NUMBER}\.?",
    # 56 rue La Boétie, rue du Centre 320
    (
        rf"[0-9]{{1,4}}(?: ?(?:bis|ter))?,? (?i:rue|avenue|boulevard|bd|chemin|impasse|quai) {_ARTICLE}?(?:la |le )?"
        rf"{_WORD}(?:[ \-]{_ARTICLE}?{_WORD}){{0,3}}"
    ),
    (
        rf"[0-9]{{1,4}}(?: ?(?:bis|ter))?,? (?i:allee|place|route|cours|square|passage) {_ARTICLE}{_WORD}"
        rf"(?:[ \-]{_ARTICLE}?{_WORD}){{0,3}}"
    ),
    rf"(?i:rue|avenue|boulevard) {_ARTICLE}?{_WORD}(?: {_ARTICLE}?{_WORD}){{0,2}},? {_NUMBER}",
    # Via Roma 131, Calle de Alcalá 42
    (
        rf"(?:Via|Viale|Piazza|Piazzale|Piazzetta|Corso|Largo|Vicolo|Calle|C/|Avenida|Avda\.|Paseo|Plaza|Carrera|Rua"
        rf"|Travessa|Praca|Alameda) {_ARTICLE}?{_WORD}(?: {_ARTICLE}?{_WORD}){{0,3}},? (?:n\.? ?)?{_NUMBER}"
    ),
    # 12 Timms Drive
    rf"[0-9]{{1,5}}[A-Za-z]? (?:{_WORD} ){{1,3}}(?:Drive|Square|Court|Place|Way|Close|Circle|Trail|Dr\b|Ct\b)",
)
_STRONG_STREETS = (
    (
        rf"[0-9]{{1,5}}[A-Za-z]?,? (?:{_WORD} ){{1,3}}"
        r"(?:Street|Road|Avenue|Lane|Boulevard|Terrace|Crescent|Highway|Parkway|St\b|Rd\b|Ave\b|Blvd\b|Pkwy\b|Hwy\b)"
    ),
    r"(?:P\. ?O\. ?|PO |P\.O |Post Office )Box [0-9]{1,6}|Postfach [0-9]{1,3}(?: [0-9]{2,3}){0,2}",
)
_NO_STREETS = frozenset(
    [
        "arbeitsplatz",
        "speicherplatz",
        "sendeplatz",
        "stellplatz",
        "startplatz",
        "ausweg",
        "umweg",
        "dekade",
        "arkade",
        "brigade",
        "renegade",
        "pending",
        "one",
        "two",
        "my",
        "our",
        "no",
    ]
)
_STREET_KIND = re.compile(
    r"strass?e|str|weg|platz|allee|gasse|ufer|damm|chaussee|rue|avenue|boulevard|bd|chemin|impasse|quai|place|route"
    r"|cours|square|passage|via|viale|plaza|drive|court|way|close|circle|trail|dr|ct|la|le|de|du|des|a|am|an|im|in|st"
)


def _street(text: str) -> bool:
    """A street is not called by words of a trade: `Via Port 443`, `2 Google Drive`, `Speicherplatz 500`."""
    words = [word.casefold() for word in re.findall(r"[A-Za-z]+", text)]
    return not any(word in _NO_STREETS or (word in COMMON and not _STREET_KIND.fullmatch(word)) for word in words)


def _written_out(text: str) -> bool:
    """What follows `postal address:` has words and numbers, and is no mailbox, no URL and no network address."""
    digits = any(character.isdigit() for character in text)
    words = [word for word in re.findall(r"[A-Za-z]{2,}", text) if word.casefold() not in COMMON]
    return digits and len(words) > 1 and "@" not in text and "://" not in text


STREETS = (
    Pattern(entity="ADDRESS", regex="|".join(rf"(?:{street}){_REST}" for street in _STRONG_STREETS)),
    Pattern(entity="ADDRESS", regex="|".join(rf"(?:{street}){_REST}" for street in _STREETS), check=all_if(_street)),
    Pattern(
        entity="ADDRESS",
        regex=r"(?i:\b(?:home|postal|billing|shipping|mailing|street|delivery|residential|private|post|liefer|rechnungs)"
        r"[ _-]?(?:address|adresse|anschrift)(?: is)?[\"']?[ \t]*[:=][ \t]*[\"']?)([0-9A-Z][^\n\"<>{}|;]{6,100})",
        check=all_if(_written_out),
    ),
)

MAILBOX = Pattern(
    entity="EMAIL",
    # Narrower than RFC 5322: `=`, `/` and `?` stand before addresses far more often than in them.
    regex=r"[A-Za-z0-9][A-Za-z0-9._+~\-]*(?:@|\[@\]|\[at\])(?:[A-Za-z0-9\-]+(?:\.|\[\.\]))+[A-Za-z][A-Za-z0-9\-]+",
)

CONTACTS = (MAILBOX, *PHONES, *STREETS, BIRTH)
