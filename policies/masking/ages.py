"""Patterns for dates of birth and ages, in the languages of our tickets. Over ASCII, like all."""

from __future__ import annotations

from policies.masking.scan import Pattern, all_if

_DATE = (
    r"[0-9]{1,2}[./\-][0-9]{1,2}[./\-](?:19[0-9]{2}|200[0-9]|201[0-9]|[0-9]{2}\b)"
    r"|(?:19[0-9]{2}|200[0-9]|201[0-9])[-/.][0-9]{1,2}[-/.][0-9]{1,2}"
    r"|(?:19[0-9]{2}|200[0-9]|201[0-9])[01][0-9][0-3][0-9]"
    r"|[0-9]{1,2}(?:st|nd|rd|th|\.|er)?(?: (?:of|de))? [A-Za-z][a-z]{2,9}\.?,?(?: de)? (?:19[0-9]{2}|200[0-9]|201[0-9])"
    r"|[A-Z][a-z]{2,8}\.? [0-9]{1,2}(?:st|nd|rd|th)?,? (?:19[0-9]{2}|200[0-9]|201[0-9])"
)
_BORN = (
    r"date of birth|birth[ _-]?date|date_of_birth|birth[ _-]?day|dob|d\.o\.b|born(?: on)?|geboren(?: am)?|geb\."
    r"|geb\. am"
    r"|geburtsdatum|geburtstag|nee? le|nat[oa] il|nacid[oa] el|date de naissance|data di nascita|fecha de nacimiento"
    r"|geboortedatum|data de nascimento|fodselsdato|fodelsedatum|data urodzenia|urodzon[ya]"
)
_BORN_NEEDS = (
    *(
        "birth",
        "<dob",
        "d.o.b",
        "born",
        "geb",
        "nee le",
        "ne le",
        "nato il",
        "nata il",
        "nacid",
        "naissance",
        "nascita",
    ),
    *("nacimiento", "geboorte", "nascimento", "fodsel", "fodelse", "urodz"),
)
BIRTHS = (
    Pattern(
        entity="DATE_OF_BIRTH",
        regex=rf"(?i:\b(?:{_BORN})(?:[.?]? (?:it's|it is|is|was))?)[\"']?(?: \([^)\n]{{1,16}}\))?[ \t]*[:=]?"
        rf"[ \t]*[\"']?({_DATE})",
        needs=_BORN_NEEDS,
        name="births",
    ),
    # `What is your date of birth?` and the answer on this line or the next.
    Pattern(
        entity="DATE_OF_BIRTH",
        regex=rf"(?i:\b(?:date of birth|dob|d\.o\.b\.?|birthda(?:y|te)|born|geburtsdatum|date de naissance"
        rf"|fecha de nacimiento))"
        rf"\b[^0-9\"{{}};=|]{{1,60}}?\b({_DATE})",
        needs=_BORN_NEEDS,
        score=0.7,
        name="births",
    ),
)

_YEARS = r"(?:[1-9][0-9]?|1[01][0-9])"
_OLD = r"(?:[ \-](?:years?|yrs?|y)\.?[ \-](?:old|of age|young)\b|[ \-]?(?:y/o|yo\b|y\.o\.|yrs? old))"
_TWO = r"(?:1[4-9]|[2-9][0-9]|1[01][0-9])"
_SO_FAR = ("now", "only", "just", "currently", "already", "almost", "over")
_FAR = r"(?:jahre?[ \-]alt|jahrige[rsnm]?\b|ans\b|anos\b|anni\b|jaar oud|ar gammal|ar gammel|lat\b)"


def _years(text: str) -> bool:
    return text.isdecimal() and 1 <= int(text) <= 119


#: What can be so many years old without being a person's age is left by asking for a verb or a person.
AGES = (
    Pattern(entity="AGE", regex=rf"\b({_YEARS}){_OLD}", needs=("0 y", "0-y", "0y"), check=all_if(_years), name="ages"),
    Pattern(
        entity="AGE",
        regex=rf"(?i:\b(?:aged?|at the age of|the age of|age is|age:|age =|alter:|im alter von|alter von|edad:"
        rf"|edad de|a l'age de"
        rf"|age de|agee? de|eta:|all'eta di|wiek:|leeftijd:?))[\"']?[ \t]*[\"']?({_YEARS})\b",
        needs=("<age ", "<age:", "<age=", "<aged", "agee", "alter", "<edad", "<eta ", "<eta:", "wiek", "leeftijd"),
        check=all_if(_years),
        name="ages",
    ),
    Pattern(
        entity="AGE",
        regex=rf"(?i:[\"']age[\"'][ \t]*:[ \t]*[\"']?)({_TWO})\b",
        needs=("<age>",),
        name="ages",
    ),
    Pattern(
        entity="AGE",
        regex=rf"(?i:\b(?:i|he|she|they|who|just|recently|will|i'll|he'll|she'll|we'll|they'll|about to|to)"
        rf" (?:just |recently |will |have |has |had |about to )?(?:turn(?:s|ed|ing)?))[ \t]+({_TWO})\b",
        needs=("turn ", "turns ", "turned ", "turning "),
        score=0.7,
        name="ages",
    ),
    Pattern(
        entity="AGE",
        regex=rf"(?i:\b(?:when|while|since) (?:i|he|she|they) (?:was|were|am|is|turned))[ \t]+(?:(?i:just|only"
        rf"|about|barely) )?({_TWO})\b",
        needs=tuple(
            f"<{when} {who} {verb}"
            for when in ("when", "while", "since")
            for who in ("i", "he", "she", "they")
            for verb in ("was", "were", "am", "is", "turned")
        ),
        score=0.7,
        name="ages",
    ),
    Pattern(
        entity="AGE",
        regex=rf"(?i:\b(?:i'm|i am|he's|he is|she's|she is))[ \t]+(?:(?i:{'|'.join(_SO_FAR)}) )?({_TWO})"
        rf"(?:[,.!?;]?(?:[ \t\r\n]+(?i:and|years|but|now|today|this|old)\b|[ \t]*$|[.!?][ \t\r\n])|[.!?,;][ \t\r\n])",
        needs=tuple(
            f"{who} {then}"
            for who in ("i m", "i am", "he s", "he is")
            for then in ("0", " ", *(f"{word} 0" for word in _SO_FAR))
        ),
        score=0.6,
        name="ages",
    ),
    Pattern(
        entity="AGE",
        regex=rf"(?i:\b({_YEARS})[ \-]?{_FAR})",
        needs=(
            "0 jahr",
            "0-jahr",
            "0jahr",
            "0 jaar",
            "0-jaar",
            "0 ar gam",
            "0 ans",
            "0 anos",
            "0 anni",
            "0 lat",
            "0-ans",
            "0ans",
        ),
        check=all_if(_years),
        name="ages",
    ),
    Pattern(
        entity="AGE",
        regex=rf"(?i:\b(?:j'ai|il a|elle a|tengo|tiene|cumpli[o]?|ho|ha|mam|avait|agee? de|de)) ({_TWO}) (?i:{_FAR})",
        needs=("0 ans", "0 anos", "0 anni", "0 lat", "0 jahr", "0 jaar", "0 ar gam"),
        score=0.7,
        name="ages",
    ),
    # (F, 34) and 34F, as in notes about patients, only beside such a word.
    Pattern(
        entity="AGE",
        regex=rf"\b({_TWO})[ \-]?(?i:year|yr)s?[ \-]?(?i:old)?[ \-](?i:male|female|man|woman|patient|boy|girl"
        rf"|employee|customer)",
        needs=("0 y", "0-y", "0y"),
        name="ages",
    ),
)
