"""Names, towns, streets and firms to draw from: Faker's in many locales, and made-up ones against learning by heart."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

#: Locales and how often each is drawn.
LOCALES: dict[str, int] = {
    "en_US": 16, "en_GB": 8, "en_IN": 4, "en_AU": 3, "en_CA": 3, "en_NZ": 2, "en_IE": 3, "de_DE": 4,
    "de_AT": 2, "de_CH": 2, "fr_FR": 4, "fr_CA": 1, "es_ES": 4, "es_MX": 3, "es_CO": 1, "it_IT": 4,
    "nl_NL": 3, "nl_BE": 1, "pt_PT": 2, "pt_BR": 3, "sv_SE": 3, "no_NO": 3, "da_DK": 3, "fi_FI": 3,
    "pl_PL": 3, "cs_CZ": 3, "sk_SK": 2, "sl_SI": 2, "hr_HR": 2, "hu_HU": 3, "ro_RO": 2, "tr_TR": 2,
    "et_EE": 2, "lt_LT": 2, "lv_LV": 2, "vi_VN": 2, "id_ID": 2, "fil_PH": 1, "zu_ZA": 1, "yo_NG": 1,
    "ru_RU": 3, "el_GR": 3, "uk_UA": 2, "bg_BG": 2, "ja_JP": 2, "zh_CN": 2, "ko_KR": 1, "ar_SA": 1,
    "he_IL": 1, "hi_IN": 1, "ka_GE": 1, "hy_AM": 1, "fa_IR": 1,
}  # fmt: skip
#: Values drawn of each kind in each locale.
DEPTH = 260
#: Share of names, towns and streets that are composed from syllables.
INVENTED = 0.14
#: Share of people whose name comes from our own lists.
MORE = 0.14
#: Share of values in Cyrillic or Greek that are spelled in Latin letters.
ROMANISED = 0.75

_CYRILLIC = (
    "а:a б:b в:v г:g д:d е:e ё:yo ж:zh з:z и:i й:y к:k л:l м:m н:n о:o п:p р:r с:s т:t у:u ф:f х:kh ц:ts "
    "ч:ch ш:sh щ:shch ъ: ы:y ь: э:e ю:yu я:ya і:i ї:yi є:ye ґ:g"
)
_GREEK = (
    "α:a β:v γ:g δ:d ε:e ζ:z η:i θ:th ι:i κ:k λ:l μ:m ν:n ξ:x ο:o π:p ρ:r σ:s ς:s τ:t υ:y φ:f χ:ch ψ:ps ω:o "
    "ά:a έ:e ή:i ί:i ό:o ύ:y ώ:o ϊ:i ΐ:i ϋ:y ΰ:y"
)
_LATIN = {pair[0]: pair[2:] for pair in f"{_CYRILLIC} {_GREEK}".split()}
#: "town" and its abbreviations that some locales set before every town.
_ABBREVIATION = re.compile(r"^(?:г|с|п|д|клх|ст|к)\. |^(?:місто|хутір|село|селище|TP\.) ")


def romanise(text: str) -> str:
    """Cyrillic and Greek in Latin letters, roughly as passports spell them."""
    out = []
    for letter in text:
        latin = _LATIN.get(letter.lower(), letter)
        out.append(latin.capitalize() if letter.isupper() else latin)
    return "".join(out)


@dataclass(frozen=True, slots=True)
class Country:
    """What one locale offers."""

    locale: str
    firsts: list[str] = field(default_factory=list)
    lasts: list[str] = field(default_factory=list)
    towns: list[str] = field(default_factory=list)
    streets: list[str] = field(default_factory=list)
    firms: list[str] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    countries: list[str] = field(default_factory=list)


def load_lexicon() -> dict[str, list[str]]:
    """The word lists that were written for this project."""
    words: dict[str, list[str]] = YAML(typ="safe").load((Path(__file__).parent / "lexicon.yaml").read_text("utf-8"))
    return words


class Pools:
    """Everything that can be drawn; the same seed draws the same."""

    def __init__(self, seed: int, depth: int = DEPTH) -> None:
        self.random = random.Random(seed)  # noqa: S311 - test data, no secret
        self.words = load_lexicon()
        self._countries = [_country(locale, seed, depth) for locale in LOCALES]
        self._weights = list(LOCALES.values())

    def pick(self, words: str) -> str:
        """One word of a list in the lexicon."""
        return self.random.choice(self.words[words])

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def country(self) -> Country:
        return self.random.choices(self._countries, self._weights)[0]

    def first(self, country: Country) -> str:
        if self.chance(INVENTED):
            return self._syllables("first_tails")
        if self.chance(MORE) or country.locale == "vi_VN":
            return self.pick("more_firsts")
        return self._latin(self.random.choice(country.firsts))

    def last(self, country: Country) -> str:
        if self.chance(INVENTED):
            stem = self._syllables("first_tails") if self.chance(0.5) else self.pick("town_heads")
            return stem + self.pick("last_tails")
        if self.chance(MORE):
            return self.pick("more_lasts")
        return self._latin(self.random.choice(country.lasts))

    def town(self, country: Country) -> str:
        roll = self.random.random()
        if roll < 0.14:
            return self.pick("cities")
        if roll < 0.14 + INVENTED:
            name = self.pick("town_heads") + self.pick("town_tails")
            return f"{self.pick('saints')} {name}" if self.chance(0.15) else name
        return self._latin(self.random.choice(country.towns))

    def street(self, country: Country) -> str:
        """A street without its number."""
        return self._composed_street(country) if self.chance(0.45) else self._latin(self.random.choice(country.streets))

    def firm(self, country: Country) -> str:
        return self._latin(self.random.choice(country.firms))

    def region(self, country: Country) -> str:
        return self._latin(self.random.choice(country.regions)) if country.regions else self.pick("geography")

    def nation(self, country: Country) -> str:
        roll = self.random.random()
        if roll < 0.25:
            return self.pick("countries")
        if roll < 0.9:
            return self.random.choice(self._countries[0].countries)
        return self._latin(self.random.choice(country.countries))

    def code(self, country: Country) -> str:
        roll = self.random.random()
        if roll < 0.4:
            return f"{self.random.randrange(500, 99999):05d}"
        if roll < 0.55:
            return str(self.random.randrange(1000, 9999))
        return self.random.choice(country.codes) if country.codes else str(self.random.randrange(10000, 99999))

    def brand(self) -> str:
        """A firm's made-up name in one or two words."""
        head, tail = self.pick("brand_heads"), self.pick("brand_tails")
        roll = self.random.random()
        if roll < 0.35:
            return head + tail.lower()
        if roll < 0.55:
            return head + tail[0].upper() + tail[1:]
        if roll < 0.7 and tail[0].isupper():
            return f"{head} {tail}"
        if roll < 0.8:
            return f"{head} {self.pick('company_words')}"
        return self._syllables("first_tails") + self.random.choice(
            ["", "", "tech", "soft", "ia", "eon", " Labs", " AI", "ly", "zon"]
        )

    def _latin(self, value: str) -> str:
        return romanise(value) if "\u0370" <= value[0] <= "\u052f" and self.chance(ROMANISED) else value

    def _syllables(self, tails: str) -> str:
        count = 1 if self.chance(0.7) else 2
        return ("".join(self.pick("first_syllables") for _ in range(count)) + self.pick(tails)).capitalize()

    def _composed_street(self, country: Country) -> str:
        root = self.last(country) if self.chance(0.6) else self.town(country)
        style = self.random.randrange(10)
        if style < 3:
            return f"{root} {self.pick('street_words_en')}"
        if style == 3:
            return f"{self.pick('street_heads')} {root}"
        if style == 4:
            return root + self.pick("street_endings")
        if style == 5:
            return f"{root} {self.pick('street_words')}"
        if style == 6:
            return self.pick("street_numbers").replace("0", str(self.random.randrange(1, 120)))
        if style == 7:
            return root
        if style == 8:
            return f"{root}-{self.last(country)}-{self.random.choice(['Straße', 'Str.', 'Weg', 'Platz', 'Allee'])}"
        side = self.random.choice(["North", "South", "East", "West", "Upper", "Old"])
        return f"{root} {side} {self.pick('street_words_en')}"


def _country(locale: str, seed: int, depth: int) -> Country:
    from faker import Faker

    fake = Faker(locale)
    fake.seed_instance(seed)

    def many(*methods: str) -> list[str]:
        for method in methods:
            values = _values(fake, method, depth)
            if values:
                return values
        return []

    romanised = locale in {"ja_JP", "zh_CN"}
    firsts = many("first_romanized_name", "first_name") if romanised else many("first_name")
    lasts = many("last_romanized_name", "last_name") if romanised else many("last_name")
    return Country(
        locale,
        firsts=firsts,
        lasts=lasts,
        towns=many("city", "city_name"),
        streets=many("street_name"),
        firms=many("company"),
        regions=many("state", "administrative_unit", "province", "region", "county"),
        codes=many("postcode"),
        countries=many("country"),
    )


def _values(fake: Any, method: str, depth: int) -> list[str]:
    draw = getattr(fake, method, None)
    if draw is None:
        return []
    values = {str(draw()).strip() for _ in range(depth)}
    bare = (_ABBREVIATION.sub("", value) for value in values)
    return sorted({value for value in bare if value and "\n" not in value})
