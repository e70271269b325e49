"""Identity numbers of many countries, through Presidio's own recognizers: their expressions and their checksums.

Presidio runs each expression on its own, with a backtracking engine, over every text. Here they run on RE2 and only
behind a label, because most of them are bare runs of digits; those with a checksum and a form of their own need none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from policies.masking import numbers
from policies.masking.rules import Entity
from policies.masking.scan import Check, Pattern, compiled

#: Characters between a label and the number it is for.
_REACH = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class _Use:
    """How one of Presidio's recognizers is used."""

    #: Its class.
    kind: str
    #: Words that may stand before the number, besides those Presidio lists; RE2.
    labels: str
    entity: Entity = "NATIONAL_ID"
    #: The form that proves itself by a checksum, so that it needs no label; RE2 in the case it is written in.
    strong: str = ""
    #: A check for `strong` where Presidio has none.
    proof: Callable[[str], bool] | None = None


@cache
def _instance(kind: str) -> Any:
    from presidio_analyzer import predefined_recognizers

    import policies.masking.presidio  # noqa: F401 - first, so that Presidio comes without torch

    return getattr(predefined_recognizers, kind)()


_USES = (
    _Use(kind="UsItinRecognizer", labels="itin|taxpayer id|individual taxpayer"),
    _Use(kind="UsPassportRecognizer", labels="passport"),
    _Use(kind="UsLicenseRecognizer", labels=r"driver'?s?'? licen[cs]e|driving licen[cs]e|dl(?: no| number|#|:)"),
    _Use(kind="UsMbiRecognizer", labels="medicare|mbi"),
    _Use(kind="UsBankRecognizer", labels="bank account|checking account|savings account", entity="BANK_ACCOUNT"),
    _Use(kind="NhsRecognizer", labels="nhs"),
    _Use(
        kind="UkNinoRecognizer",
        labels="national insurance|nino|ni number",
        strong=r"[A-CEGHJ-PR-TW-Z]{2} [0-9]{2} [0-9]{2} [0-9]{2} [A-D]",
        proof=lambda text: text[:2] not in ("BG", "GB", "NK", "KN", "NT", "TN", "ZZ"),
    ),
    _Use(kind="UkPassportRecognizer", labels="passport"),
    _Use(
        kind="UkDrivingLicenceRecognizer",
        labels="driving licen[cs]e|dvla|licen[cs]e number",
        strong=r"[A-Z9]{5}[0-9](?:0[1-9]|1[0-2]|5[1-9]|6[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9][A-Z9]{2}[A-Z0-9][A-Z]{2}",
    ),
    _Use(
        kind="UkVehicleRegistrationRecognizer",
        labels="registration|number ?plate|vrn|vehicle reg",
        entity="LICENCE_PLATE",
    ),
    _Use(
        kind="EsNifRecognizer",
        labels="dni|nif",
        strong=r"[0-9]{8}-?[A-Z]",
        proof=numbers.dni_is_valid,
    ),
    _Use(
        kind="EsNieRecognizer",
        labels="nie",
        strong=r"[XYZ][0-9]{7}-?[A-Z]",
        proof=numbers.dni_is_valid,
    ),
    _Use(kind="EsPassportRecognizer", labels="pasaporte|passport"),
    _Use(
        kind="ItFiscalCodeRecognizer",
        labels="codice fiscale|cod\\.? ?fisc",
        proof=lambda text: bool(_instance("ItFiscalCodeRecognizer").validate_result(text)),
        strong=r"[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]",
    ),
    _Use(kind="ItVatCodeRecognizer", labels="partita iva|p\\.iva|p\\. iva|piva|vat"),
    _Use(kind="ItPassportRecognizer", labels="passaporto|passport"),
    _Use(kind="ItDriverLicenseRecognizer", labels="patente"),
    _Use(kind="ItIdentityCardRecognizer", labels="carta d.identita|carta identita|identity card"),
    _Use(kind="PlPeselRecognizer", labels="pesel"),
    _Use(
        kind="SgFinRecognizer",
        labels="nric|fin",
        strong=r"[STFGM][0-9]{7}[A-Z]",
        proof=numbers.nric_is_valid,
    ),
    _Use(kind="SgUenRecognizer", labels="uen|unique entity"),
    _Use(kind="AuAbnRecognizer", labels="abn|australian business"),
    _Use(kind="AuAcnRecognizer", labels="acn|australian company"),
    _Use(kind="AuTfnRecognizer", labels="tfn|tax file"),
    _Use(kind="AuMedicareRecognizer", labels="medicare"),
    _Use(
        kind="InPanRecognizer",
        labels="pan|pan card|pan no|pan number|permanent account",
    ),
    _Use(kind="InAadhaarRecognizer", labels="aadhaa?r|uidai"),
    _Use(
        kind="InGstinRecognizer",
        labels="gstin?",
        strong=r"[0-3][0-9][A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]",
    ),
    _Use(kind="InVoterRecognizer", labels="voter|epic"),
    _Use(kind="InPassportRecognizer", labels="passport"),
    _Use(kind="InVehicleRegistrationRecognizer", labels="vehicle|registration|number ?plate", entity="LICENCE_PLATE"),
    _Use(
        kind="FiPersonalIdentityCodeRecognizer",
        labels="hetu|henkilotunnus|personbeteckning|personal identity code",
        strong=r"[0-3][0-9][01][0-9]{3}[\-+A-FYXWVU][0-9]{3}[0-9A-FHJ-NPR-Y]",
    ),
    _Use(kind="SePersonnummerRecognizer", labels="personnummer|samordningsnummer|personal identity number"),
    _Use(kind="SeOrganisationsnummerRecognizer", labels="organisationsnummer|org nr|orgnr|org\\. ?nr"),
    _Use(
        kind="KrRrnRecognizer",
        labels="rrn|resident registration",
        strong=r"[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])-[1-4][0-9]{6}",
    ),
    _Use(kind="KrFrnRecognizer", labels="frn|foreigner registration"),
    _Use(kind="KrPassportRecognizer", labels="passport"),
    _Use(kind="KrDriverLicenseRecognizer", labels="korean driver'?s? licen[cs]e"),
    _Use(kind="ThTninRecognizer", labels="thai (?:national )?id|tnin"),
    _Use(kind="TrNationalIdRecognizer", labels="kimlik|tckn|tc no|turkish id|national id"),
    _Use(kind="TrLicensePlateRecognizer", labels="plaka|number ?plate|licen[cs]e plate", entity="LICENCE_PLATE"),
    _Use(kind="DeTaxIdRecognizer", labels="steuer-?id(?:nr|nummer)?|idnr|steueridentifikation(?:snummer)?|steuerliche"),
    _Use(kind="DeTaxNumberRecognizer", labels="steuer-?n(?:umme)?r\\.?|st\\.-?nr\\.?"),
    _Use(kind="DeVatIdRecognizer", labels="ust-?id(?:nr)?|umsatzsteuer|vat(?: id)?"),
    _Use(kind="DePassportRecognizer", labels="reisepass|passnummer|passport|pass-nr"),
    _Use(kind="DeIdCardRecognizer", labels="personalausweis|ausweis(?:nummer)?|id card"),
    _Use(kind="DeFuehrerscheinRecognizer", labels="fuhrerschein|fahrerlaubnis"),
    _Use(kind="DeSocialSecurityRecognizer", labels="sozialversicherung|rentenversicherung|svnr|sv-nummer|rvnr"),
    _Use(
        kind="DeHealthInsuranceRecognizer",
        labels="krankenversicherung|krankenversicherten|versicherten|kvnr|gesundheitskarte",
    ),
    _Use(kind="DeKfzRecognizer", labels="kennzeichen|nummernschild", entity="LICENCE_PLATE"),
    _Use(kind="CaSinRecognizer", labels="sin number|sin no|sin:|sin#|social insurance"),
    _Use(kind="NgNinRecognizer", labels="nin|nimc|national identi"),
    _Use(kind="NgVehicleRegistrationRecognizer", labels="plate|vehicle registration", entity="LICENCE_PLATE"),
    _Use(kind="PhTinRecognizer", labels="tin|taxpayer identification"),
    _Use(kind="PhUmidRecognizer", labels="umid|crn"),
    _Use(kind="PhPassportRecognizer", labels="passport"),
    _Use(kind="ZaIdNumberRecognizer", labels="id number|identity number|south african id|rsa id"),
    _Use(kind="ZaPassportRecognizer", labels="passport"),
    _Use(kind="ZaLicensePlateRecognizer", labels="plate|vehicle registration", entity="LICENCE_PLATE"),
)
_DRIVERS = (
    ("(?<!\\w)", "\\b"),
    ("(?<!\\d)", "\\b"),
    ("(?<![\\w-])", "\\b"),
    ("(?<![A-Z0-9a-z])", "\\b"),
    ("(?!\\w)", "\\b"),
    ("(?!\\d)", "\\b"),
    ("(?![0-9])", "\\b"),
    ("(?i)", ""),
)


def of_presidio() -> dict[str, tuple[Any, list[Pattern]]]:
    """Presidio's recognizers that are used, by name, and what each runs in the scan."""
    return {use.kind: (_instance(use.kind), list(_patterns(use))) for use in _USES}


def _patterns(use: _Use) -> Iterator[Pattern]:
    recognizer = _instance(use.kind)
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", use.kind.removesuffix("Recognizer")).lower()
    forms = [form for form in map(_on_re2, (pattern.regex for pattern in recognizer.patterns)) if form]
    label = rf"(?i:\b(?:{use.labels})(?:[^a-z]|$))"
    if forms:
        either = "|".join(f"(?:{form})" for form in forms)
        yield Pattern(
            entity=use.entity,
            regex=rf"{label}[^\n]{{0,{_REACH}}}?\b((?i:{either}))",
            needs=_stems(use.labels),
            check=_presidio_check(recognizer),
            not_beside="-./:",
            score=0.8,
            name=name,
        )


def proved() -> Pattern:
    """The numbers that prove themselves, in one expression: most texts hold none of them."""
    forms = [(rf"\b(?:{use.strong})\b", _proof_of(use)) for use in _USES if use.strong]

    def check(text: str) -> int:
        return len(text) if any(compiled(form).fullmatch(text.encode()) and proof(text) for form, proof in forms) else 0

    return Pattern(
        entity="NATIONAL_ID",
        regex="|".join(form for form, _ in forms),
        check=check,
        not_beside="-./:_",
        score=0.85,
        name="national-ids",
    )


def _proof_of(use: _Use) -> Callable[[str], bool]:
    presidio = _presidio_check(_instance(use.kind))
    return use.proof or (lambda text: presidio(text) > 0)


def _stems(labels: str) -> tuple[str, ...]:
    """What stands at the start of each label before anything that varies; a whole word where nothing does."""
    stems = set()
    for label in _outer(labels.lower()):
        stem = _before_choice(label)
        stems.add(f"<{stem}>" if re.fullmatch("[a-z]+", label) else f"<{stem}")
    return tuple(sorted(stems))


def _outer(labels: str) -> list[str]:
    """The alternatives of an expression, not those inside its groups."""
    depth, parts = 0, [""]
    for character in labels:
        depth += (character == "(") - (character == ")")
        if character == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _before_choice(label: str) -> str:
    plain = re.match(r"(?:\\.|[a-z0-9 '#:\-])*", label)
    stem = plain.group() if plain else ""
    # The character before a `?` is one of those that vary.
    varies = label[len(stem) : len(stem) + 1] in ("?", "*")
    return (re.sub(r"\\?.$", "", stem) if varies else stem).replace("\\", "")


def _presidio_check(recognizer: Any) -> Check:
    """Presidio's own validation: a checksum that fails, or a number that was never given out, is no finding."""

    def check(text: str) -> int:
        if not any(character.isdigit() for character in text):
            return 0
        if recognizer.validate_result(text) is False or recognizer.invalidate_result(text):
            return 0
        return len(text)

    return check


def _on_re2(regex: str) -> str:
    """An expression of Presidio's as RE2 takes it, without groups; empty where it needs what RE2 has not."""
    plain = regex
    for before, after in _DRIVERS:
        plain = plain.replace(before, after)
    plain = re.sub(r"(?<!\\)\((?!\?)", "(?:", plain)
    plain = re.sub(r"\(\?!0+\)|\(\?![A-Za-z|]+\)", "", plain)
    plain = plain.replace(r"([- ])", "[- ]").replace(r"\1", "[- ]")
    if not plain.isascii():
        plain = re.sub(r"[^\x00-\x7f]", "", plain)
    try:
        compiled(plain)
    except Exception:  # noqa: BLE001  (re2.error is not a class one can name without importing re2)
        return ""
    return plain
