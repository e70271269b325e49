"""Patterns for street and postal addresses of many countries. Over ASCII, like all."""

from __future__ import annotations

import re

from policies.masking.common_words import COMMON
from policies.masking.scan import Pattern, all_if, follower

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
_MILITARY = r"[DAF]PO,? (?:AE|AP|AA),? [0-9]{5}(?:-[0-9]{4})?"
_STRONG_NEEDS = (
    *("street", "<road", "avenue", "<lane", "boulevard", "terrace", "crescent", "highway", "parkway", "<st>", "<rd>"),
    *("<ave>", "<blvd>", "<pkwy>", "<hwy>", "box 0", "postfach 0"),
)
#: Kinds that end a word or stand alone, before a number.
_KINDS = (
    *("strasse", "strase", "str.", "weg", "platz", "allee", "gasse", "ufer", "damm", "chaussee", "stieg", "promenade"),
    *("twiete", "ring", "markt", "hof", "wall", "kamp", "berg", "feld", "graben", "brucke", "deich", "kai", "pfad"),
    *("straat", "laan", "gracht", "plein", "kade", "singel", "dijk", "gatan", "gata", "vagen", "vegen", "veien", "vej"),
    *("gade", "katu", "utca", "korut", "krt.", "ter"),
)
_NEEDS = (
    *(f"{kind} 0" for kind in _KINDS),
    *("rue ", "avenue ", "boulevard ", "bd ", "chemin ", "impasse ", "quai ", "allee ", "place ", "route ", "cours "),
    *("square ", "passage ", "via ", "viale ", "piazz", "corso ", "largo ", "vicolo ", "calle ", "c/", "avenida "),
    *(
        "avda.",
        "paseo ",
        "plaza ",
        "carrera ",
        "rua ",
        "travessa ",
        "praca ",
        "alameda ",
        "<ul.",
        "<al.",
        "<os.",
        "<pl.",
    ),
    *("<drive", "<square", "<court", "<place", "<way", "<close", "<circle", "<trail", "<dr>", "<ct>"),
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
    words = _WORDS.findall(text.casefold())
    return _NO_STREETS.isdisjoint(words) and not any(
        word in COMMON and not _STREET_KIND.fullmatch(word) for word in words
    )


_WORDS = re.compile(r"[a-z]+")


def _written_out(text: str) -> bool:
    """What follows `postal address:` has words and numbers, and is no mailbox, no URL and no network address."""
    digits = any(character.isdigit() for character in text)
    words = [word for word in re.findall(r"[A-Za-z]{2,}", text) if word.casefold() not in COMMON]
    return digits and len(words) > 1 and "@" not in text and "://" not in text


#: A flat, and below it the town, region and postal code, on lines of their own or behind commas.
_FLAT = r"(?:Apt|Apartment|Suite|Unit|Flat)\.? ?#?[0-9][0-9A-Za-z\-]{0,5}"
_LINES = (
    r"(?:[ \t]*,?\s{1,8}[A-Za-z][A-Za-z.'\- ]{1,30}){1,3},?\s{1,8}[0-9]{4,6}\b"
    r"|[ \t]*,?\s{1,8}[0-9]{4,6} [A-Z][A-Za-z'\- ]{1,30}"
)


def _flat_start(text: str) -> int:
    """Not `Test Suite 12`: something that is a number or a name of no trade stands before the flat."""
    flat = _FLATS.search(text)
    before = text[: flat.start()] if flat else text
    if not COMMON.isdisjoint(_LONG_WORDS.findall(before.casefold())):
        return 0
    return len(text) if _DIGIT.search(before) or "Apt" in text or "Apartment" in text or "Flat" in text else 0


_FLATS = re.compile(_FLAT)
_LONG_WORDS = re.compile(r"[a-z]{2,}")
_DIGIT = re.compile("[0-9]")


def _postal_code(text: str) -> bool:
    digits = sum(character.isdigit() for character in text)
    return digits >= 3 or (digits == 2 and 5 <= len(text) <= 8)


#: 20095, 394 13, 7412 SL, 3610-114, 12345-6789, SW1A 1AA, K1A 0B1, D02 X285
_CODE = (
    r"[0-9]{4,6}(?:-[0-9]{3,4})?\b|[0-9]{3} [0-9]{2}\b|[0-9]{4} ?[A-Z]{2}\b|[0-9]{2}-[0-9]{3}\b"
    r"|[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}\b|[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]\b"
    r"|[A-Z][0-9]{2} [A-Z0-9]{4}\b"
)
_CODE_NEEDS = (
    *("<zip", "postcode", "post code", "post-code", "postal code", "postal-code", "postalcode", "<plz", "postleit"),
    *("code postal", "codigo postal", "pin code", "pincode", "eircode"),
)


#: What an address is called.
_OF = (
    *("home", "postal", "billing", "shipping", "mailing", "street", "delivery", "residential", "private", "post"),
    *("liefer", "rechnungs"),
)
_ADDRESS = ("address", "adresse", "anschrift")
#: What stands before the number of a house.
_THERE = (
    *(f"<{verb} {there}" for verb in ("live", "lives", "lived", "living") for there in ("at", "in")),
    *("<reside at", "<resides at", "<residing at", "<located at", "<office is at", "<office are at", "<offices is at"),
    *("<offices are at", "<meet me at", "<meet you at", "<meet us at", "you off at", "me off at", "us off at"),
    *("you up at", "me up at", "us up at", "<moved to", "<deliver to", "<delivered to", "<address is", "<address:"),
    *("restaurant is at", "<house at", "<home at", "<arrived at", "<sent to"),
)

STREETS = (
    Pattern(
        entity="ADDRESS",
        regex="|".join(rf"(?:{street}){_REST}" for street in _STRONG_STREETS),
        needs=_STRONG_NEEDS,
        score=0.85,
        name="streets",
    ),
    Pattern(
        entity="ADDRESS",
        regex="|".join(rf"(?:{street}){_REST}" for street in _STREETS),
        needs=_NEEDS,
        check=all_if(_street),
        score=0.75,
        name="streets",
    ),
    # 12345 Somewhere 67, Apt. 8 and the lines below it
    Pattern(
        entity="ADDRESS",
        regex=rf"(?:\b[0-9]{{1,6}}[ \t]+)?(?:[A-Za-z][A-Za-z'.\-]*[ \t]+){{0,4}}(?:[0-9]{{1,5}}"
        rf"[a-z]?\.?)?,?\s{{1,8}}{_FLAT}",
        needs=("<apt", "<apartment 0", "<suite 0", "<unit 0", "<flat 0"),
        extend=follower(_LINES),
        check=_flat_start,
        score=0.7,
        name="streets",
    ),
    # lives at 12345 Somewhere 67
    Pattern(
        entity="ADDRESS",
        regex=r"(?i:\b(?:liv(?:es?|ed|ing) (?:at|in)|resid(?:es?|ing) at|located at|offices? (?:is|are) at"
        r"|meet (?:me|you|us) at"
        r"|(?:drops?|dropped|picks?|picked) (?:you|me|us) (?:off|up) at|moved to|deliver(?:ed)? to|address(?: is"
        r"|:)|restaurant is at"
        r"|house at|home at|arrived at|sent to))\s{1,3}"
        r"((?:[0-9]{1,6} )?[0-9]{1,6} (?:[A-Z][A-Za-z'.\-]+ ){1,3}(?:[0-9]{1,5}[a-z]?\b)?)",
        needs=tuple(f"{there}{blanks}0" for there in _THERE for blanks in (" ", "  ", "   ")),
        extend=follower(rf",?\s{{1,8}}{_FLAT}(?:{_LINES})?"),
        score=0.65,
        name="streets",
    ),
    Pattern(
        entity="ADDRESS",
        regex=rf"(?i:\b(?:{'|'.join(_OF)})[ _-]?(?:{'|'.join(_ADDRESS)})(?: is)?[\"']?[ \t]*[:=][ \t]*[\"']?)"
        r"([0-9A-Z][^\n\"<>{}|;]{6})",
        needs=tuple(f"<{of}{gap}{kind}" for of in _OF for gap in ("", " ", "-") for kind in _ADDRESS),
        extend=follower(r"[^\n\"<>{}|;]{1,94}"),
        check=all_if(_written_out),
        score=0.8,
        name="streets",
    ),
    Pattern(
        entity="ADDRESS",
        regex=rf"(?i:\b(?:(?:PSC|CMR|Unit) [0-9]{{1,6}},? Box [0-9]{{1,6}}(?:,?[ \t]*(?:\r?\n)?[ \t]*{_MILITARY})?"
        rf"|(?:USNS|USS|USCGC|USNV) [a-z]+(?: [a-z]+)?,?[ \t]*(?:\r?\n)?[ \t]*{_MILITARY}|{_MILITARY}))",
        needs=("apo ", "fpo ", "dpo ", " box 0"),
        name="streets",
    ),
    Pattern(
        entity="ADDRESS",
        regex=r"(?i:\b(?:zip(?:[ _\-]?code)?|post(?:al)?[ _\-]?code|plz|postleitzahl|code postal|codigo postal"
        r"|pin ?code|eircode)\b)(?:[ _\-]?(?:code|number|no))?[\"']?(?: is)?[ \t]*[:=][ \t]*[\"']?"
        r"([0-9]{6}\b|[0-9]{4}[A-Z]{2}\b|[A-Z0-9]{1,5}(?:[ \-][A-Z0-9]{2,4})?)",
        needs=_CODE_NEEDS,
        check=all_if(_postal_code),
        not_beside="-./:",
        score=0.8,
        name="postal-codes",
    ),
    # Without a colon the label itself must leave no doubt: `zip 2024` is an archive, and `CAP: 500` a limit.
    Pattern(
        entity="ADDRESS",
        regex=r"\b(?:(?i:zip code|post(?:al)? ?code|plz|postleitzahl|code postal|codigo postal|eircode)|ZIP)"
        rf"(?: is)? ({_CODE})",
        needs=_CODE_NEEDS,
        not_beside="-./:",
        score=0.65,
        name="postal-codes",
    ),
    Pattern(
        entity="ADDRESS",
        regex=r"\bCAP:? ([0-9]{5})\b",
        needs=("<cap 00000", "<cap: 00000"),
        not_beside="-./:",
        score=0.6,
        name="postal-codes",
    ),
)
