"""Patterns for machines and what belongs to one: hardware addresses, telephones by IMEI, cars by plate."""

from __future__ import annotations

from policies.masking import numbers
from policies.masking.scan import Pattern, all_if


def _mac(text: str) -> bool:
    """One kind of mark between the pairs, and none of the addresses that name no device."""
    marks = {character for character in text if not character.isalnum()}
    digits = "".join(character for character in text.casefold() if character.isalnum())
    return len(marks) == 1 and digits not in ("0" * 12, "f" * 12) and not digits.startswith(("01005e", "3333"))


#: What stands between a plate and its label.
_LINK = r"(?i:[ _\-]?(?:number|no|nr|plate|#))?\.?[\"']?(?: (?:is|was|lautet|ist))?[ \t]*[:=#]?[ \t]*[\"']?"

#: Addresses of machines: what every one of them holds, of whatever kind, and few texts besides logs.
MACHINES = (
    r"~[0-9]\]?\.\[?\]?[0-9]{1,3}\[?\.|::|:[0-9A-Fa-f]{1,4}:|[0-9]\[\.\]|-[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-"
    r"|[0-9A-Fa-f]{4}[.\-][0-9A-Fa-f]{4}[.\-][0-9A-Fa-f]{4}"
)

#: What has a plate, as a sentence names it just before the plate.
_VEHICLES = (
    *("car", "cars", "vehicle", "van", "lorry", "truck", "taxi", "auto", "autos", "wagen", "wagens", "fahrzeug"),
    *("fahrzeugs", "pkw", "lkw", "voiture"),
)
#: Forms that nothing but a plate has: HH-AB 1234, AB12 CDE, AB-123-CD, 1234 BCD.
_PLATES = (
    r"[A-Z]{1,3}-[A-Z]{1,2} ?[0-9]{2,4}[EH]?\b|[A-Z]{2}[0-9]{2} ?[A-Z]{3}\b|[A-Z]{2}-[0-9]{3}-[A-Z]{2}\b"
    r"|[0-9]{4} [BCDFGHJ-NPR-TV-Z]{3}\b"
)

_MAC = r"\b[0-9A-Fa-f]{2}(?:[:\-][0-9A-Fa-f]{2}){5}\b|\b[0-9A-Fa-f]{4}(?:[.\-][0-9A-Fa-f]{4}){2}\b"

DEVICES = (
    Pattern(
        entity="MAC",
        regex=_MAC,
        needs=(f"~{_MAC}",),
        check=all_if(_mac),
        not_beside=":-.",
        score=0.9,
        name="mac",
    ),
    Pattern(
        entity="MAC",
        regex=r"(?i:\b(?:mac|hw|hardware|physical|ethernet|bssid|lladdr)(?:[ _\-]?(?:address|addr|adresse))?)"
        r"[\"']?[ \t]*[:=]?[ \t]*[\"']?([0-9A-Fa-f]{12})\b",
        needs=("<mac", "<hw", "hardware", "physical", "ethernet", "bssid", "lladdr"),
        score=0.8,
        name="mac",
    ),
    Pattern(
        entity="IMEI",
        regex=r"(?i:\bimei(?:sv)?)(?:[ /\-]?(?:number|no|nr|1|2|sv))?[\"')]{0,2}(?: (?:is|was|lautet))?[ \t]*"
        r"[:=#]?[ \t]*[\"'(]?"
        r"([0-9]{2}[ \-]?[0-9]{6}[ \-]?[0-9]{6}[ \-]?[0-9]{1,2})",
        needs=("imei",),
        check=all_if(numbers.imei_is_valid),
        name="imei",
    ),
    Pattern(
        entity="LICENCE_PLATE",
        regex=r"(?i:\b(?:licen[cs]e plate|number ?plate|plates?|vehicle registration|car registration"
        r"|registration plate"
        r"|(?:kfz-?)?kennzeichen|nummernschild|plaque(?: d'immatriculation)?|immatriculation|matricula|targa|kenteken"
        rf"|rejestracyjny|registreringsnummer))\b{_LINK}"
        r"([A-Z]{1,3}[ \-:][A-Z]{1,2}[ \-]?[0-9]{1,4}[EH]?|[A-Z0-9]{1,4}[ \-]?[A-Z0-9]{2,4}(?:[ \-][A-Z0-9]{1,4})?)",
        needs=(
            "plate",
            "registration",
            "kennzeichen",
            "nummernschild",
            "plaque",
            "immatriculation",
            "matricula",
            "targa",
            "kenteken",
            "rejestracyjny",
            "registreringsnummer",
        ),
        check=all_if(numbers.plate_is_plausible),
        score=0.75,
        name="plates",
    ),
    Pattern(
        entity="LICENCE_PLATE",
        regex=rf"(?i:\b(?:{'|'.join(_VEHICLES)}))[ \t]*[:,(]?[ \t]*[\"'(]?({_PLATES})",
        needs=tuple(f"<{vehicle}{mark}" for vehicle in _VEHICLES for mark in (" ", ":", "(")),
        not_beside="-./:",
        score=0.65,
        name="plates",
    ),
)
