"""Patterns for numbers that identify somebody: cards, bank accounts, social security. Over ASCII shapes, with RE2.

Group 1, where there is one, is what gets masked; the rest of the pattern is context that shows what it is.
"""

from __future__ import annotations

from policies.masking import numbers
from policies.masking.commands import COMMANDS
from policies.masking.credentials import FORMS, LABELLED
from policies.masking.scan import Pattern, all_if, compiled

__all__ = ["NUMBERS", "SECRETS", "Pattern", "all_if", "compiled"]

#: Between a label and its number: `: `, ` is `, ` no. `, ` (US) #`.
_LINK = (
    r"(?i:[ _\-]?(?:number|no|nr|num|id|code)\b\.?)?[\"')]{0,2}(?: (?:is|was|of|lautet))?[ \t]*[:#=]{0,2}[ \t]*[\"'#(]?"
)

_CARDS = (
    Pattern(
        entity="CARD",
        regex=r"\b(?:[2-6][0-9]{3}(?:[ \-]?[0-9]{4}){2}[ \-]?[0-9]{1,4}(?:[ \-]?[0-9]{3})?"
        r"|3[0-9]{3}[ \-]?[0-9]{6}[ \-]?[0-9]{4,5}|(?:1800|2131)[0-9]{11}|6[0-9]{5}[ \-]?[0-9]{13})",
        needs=(
            "0000 0000 0000",
            "0000-0000-0000",
            "000000000000",
            "0000 000000 ",
            "0000-000000-",
            "000000 000000",
            "000000-000000",
        ),
        check=all_if(numbers.card_is_valid),
        not_beside=".-_",
        score=0.95,
        name="cards",
    ),
    Pattern(
        entity="CARD",
        regex=r"(?i:\b(?:card|visa|mastercard|maestro|amex|discover|diners|cc|karten?(?:nummer)?|carte|tarjeta|pan))\b"
        r"(?:[^0-9\n]{0,24}?)[^0-9A-Za-z.\-]([0-9][0-9 \-]{10,21}[0-9])",
        needs=("card", "visa", "maestro", "amex", "discover", "diners", "<cc>", "karte", "carte", "tarjeta", "<pan>"),
        check=all_if(numbers.labelled_card_is_valid),
        not_beside=".-_",
        name="cards",
    ),
)

#: Words that name a bank account, and what its number looks like after them.
_ACCOUNT = (
    r"bank account|account(?: number| no\.?| nr\.?| #)|acct(?:ount)?\.?(?: number| no\.?| #)?|a/c(?: no\.?)?"
    r"|checking account"
    r"|savings account|konto(?:nummer|nr\.?| nr\.?)?|numero de compte|compte bancaire|cuenta(?: bancaria)?"
    r"|conto corrente"
    r"|giro(?:konto)?"
)
_ACCOUNTS = (
    Pattern(
        entity="IBAN",
        regex=r"\b[A-Z]{2}[0-9]{2}(?:[ \-]?[A-Z0-9]{1,4}){3,8}",
        check=numbers.iban_end,
        score=1.0,
        name="iban",
    ),
    Pattern(
        entity="IBAN",
        regex=r"(?i:\biban)[^A-Za-z0-9\n]{0,6}([a-z]{2}[0-9]{2}(?:[ \-]?[a-z0-9]{1,4}){3,8})",
        needs=("iban",),
        check=numbers.iban_end,
        score=1.0,
        name="iban",
    ),
    Pattern(
        entity="BANK_ACCOUNT",
        regex=rf"(?i:\b(?:{_ACCOUNT})){_LINK}([0-9][0-9 \-]{{4,20}}[0-9])",
        needs=("account", "acct", "<a/c", "konto", "compte", "cuenta", "corrente", "giro"),
        check=all_if(numbers.account_is_plausible),
        not_beside="./:",
        score=0.75,
        name="bank-accounts",
    ),
    Pattern(
        entity="BANK_ACCOUNT",
        regex=rf"(?i:\bsort[ _\-]?code){_LINK}([0-9]{{2}}[ \-]?[0-9]{{2}}[ \-]?[0-9]{{2}})",
        needs=("sort code", "sortcode", "sort-code"),
        name="bank-accounts",
    ),
    Pattern(
        entity="BANK_ACCOUNT",
        regex=rf"(?i:\b(?:routing|aba|rtn|transit)(?:[ /_\-](?:routing|transit|aba|rtn))?){_LINK}"
        r"([0-9]{4}-?[0-9]{4}-?[0-9])",
        needs=("routing", "<aba", "<rtn", "transit"),
        check=all_if(numbers.routing_is_valid),
        name="bank-accounts",
    ),
    Pattern(
        entity="BANK_ACCOUNT",
        regex=rf"(?i:\b(?:bankleitzahl|blz|bsb|ifsc|clabe)){_LINK}([A-Z]{{4}}0[A-Z0-9]{{6}}"
        rf"|[0-9][0-9 \-]{{4,18}}[0-9])",
        needs=("bankleitzahl", "<blz", "<bsb", "ifsc", "clabe"),
        name="bank-accounts",
    ),
    Pattern(
        entity="BANK_ACCOUNT",
        regex=rf"(?i:\b(?:bic|swift)(?:[ /\-](?:bic|swift))?(?: code)?){_LINK}([A-Z]{{6}}[A-Z0-9]{{2}}(?:"
        rf"[A-Z0-9]{{3}})?)",
        needs=("<bic", "swift"),
        name="bank-accounts",
    ),
)

#: The end of a French number, and what may stand before it: two digits, or a letter for Corsica.
_NIR_NEEDS = tuple(
    f"{before}{mark}000{between}000{between}00"
    for before in ("0", "a", "b")
    for mark in ("", " ", ".", "-")
    for between in (" ", ".", "-")
)
_SSN = (
    Pattern(
        entity="NATIONAL_ID",
        regex=r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}",
        needs=("000-00-0000",),
        check=all_if(numbers.ssn_is_valid),
        not_beside="-./:",
        score=0.85,
        name="us-ssn",
    ),
    Pattern(
        entity="NATIONAL_ID",
        regex=r"(?i:\b(?:ssn|ss#|ssid|social security|social sec|itin))[^0-9\n]{0,30}?"
        r"([0-9]{3}[ \-.]?[0-9]{2}[ \-.]?[0-9]{4})",
        needs=("ssn", "ss#", "<ssid", "social sec", "<itin"),
        not_beside="-.",
        name="us-ssn",
    ),
    Pattern(
        entity="NATIONAL_ID",
        regex=r"\b[12][ .\-]?[0-9]{2}[ .\-]?[01][0-9][ .\-]?(?:[0-9]{2}|2[AB])[ .\-]?[0-9]{3}[ .\-]?[0-9]{3}"
        r"[ .\-]?[0-9]{2}",
        needs=(*_NIR_NEEDS, "<000000000000000>"),
        check=all_if(numbers.nir_is_valid),
        not_beside="-.",
        score=0.85,
        name="fr-nir",
    ),
    Pattern(
        entity="NATIONAL_ID",
        regex=r"(?i:\b(?:social security(?: number| no\.?)?|tax[ _-]?(?:id|number|file number)|tin|ein"
        r"|steuer-?id(?:nummer)?"
        r"|steuernummer|bsn|burgerservicenummer|personnummer|national[ _-]?(?:id|insurance)(?: number)?"
        r"|identity (?:card|number)"
        r"|id card|passport|reisepass|pasaporte|passaporto|passeport|ausweis|personalausweis|sozialversicherung(?:s)?"
        r"|svnr|ahv|avs|rodne cislo|cnp|egn|oib|jmbg|cpf|cnpj|curp|dni|nif|nie|nino|pps|ppsn|cedula))"
        r"(?i:[ _\-]?(?:nummer|number|numero|no|nr|num|id|n)\b\.?)?[\"')]{0,2}(?: (?:is|was|lautet))?"
        r"[ \t]*[:#=]{0,2}[ \t]*[\"']?"
        r"([A-Z0-9][A-Z0-9 \-/.]{3,18}[A-Z0-9])",
        needs=(
            "social security",
            "<tax",
            "<tin>",
            "<ein>",
            "steuer",
            "<bsn",
            "burgerservice",
            "personnummer",
            *(f"national{gap}{kind}" for gap in ("", " ", "-") for kind in ("id", "ins")),
            "identity card",
            "identity number",
            "id card",
            "passport",
            "reisepass",
            "pasaporte",
            "passaporto",
            "passeport",
            "ausweis",
            "sozialvers",
            "<svnr",
            "<ahv>",
            "<avs>",
            "rodne cislo",
            "<cnp",
            "<egn>",
            "<oib>",
            "jmbg",
            "<cpf>",
            "curp",
            "<dni>",
            "<nif>",
            "<nie>",
            "<nino>",
            "<pps",
            "cedula",
        ),
        check=numbers.labelled_id_end,
        score=0.75,
        name="labelled-ids",
    ),
    Pattern(
        entity="NATIONAL_ID",
        regex=r"(?i:\b(?:driv(?:er|ing)'?s?'? ?licen[cs]e|driver licen[cs]e|\bdl|permis de conduire|fuhrerschein"
        r"(?:nummer)?"
        r"|permiso de conducir|patente(?: di guida)?|rijbewijs))(?i:[ _\-]?(?:number|no|nr|num|id|n)\b\.?)?[\"')]{0,2}"
        r"(?: (?:is|was|lautet))?[ \t]*[:#=]{0,2}[ \t]*[\"']?([A-Z0-9][A-Z0-9 \-/]{3,20}[A-Z0-9])",
        needs=("driver", "driving", "<dl>", "permis", "fuhrerschein", "patente", "rijbewijs"),
        check=numbers.labelled_id_end,
        score=0.75,
        name="driver-licences",
    ),
)

NUMBERS = (*_CARDS, *_ACCOUNTS, *_SSN)
SECRETS = (*FORMS, *LABELLED, *COMMANDS)
