"""Tokens: `ENTITY_` plus five keyed characters and a check character, e.g. `PERSON_K7Q2XB`."""

from __future__ import annotations

import hmac
import re
import typing
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from policies.masking.rules import Entity

#: Letters and digits that nobody (and no model) mistakes for one another: no I, L, O, U, 0, 1.
ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
#: Keyed characters of a token: 24 million per entity and ticket.
ID_LENGTH = 5

ENTITIES: tuple[Entity, ...] = typing.get_args(Entity)

_NAMES = "|".join(ENTITIES)

#: Anything that has the shape of a token, issued or not.
TOKEN = re.compile(rf"(?<![A-Za-z0-9])({_NAMES})_([{ALPHABET}]{{{ID_LENGTH + 1}}})(?![A-Za-z0-9])")
#: A token as models hand it on: in another case, with Markdown's backslash, with a plural s behind it.
_MENTION = re.compile(
    rf"(?<![A-Za-z0-9])({_NAMES})\\{{0,2}}_([{ALPHABET}]{{{ID_LENGTH + 1}}})(?=(?-i:s?)(?![A-Za-z0-9]))", re.IGNORECASE
)
#: What was meant as a token and is none: cut short, run together with something, with a character that none has.
_GARBLED = re.compile(rf"(?<![A-Za-z0-9])(?:{_NAMES})_(?=[A-Z0-9]{{4,9}}(?![A-Za-z0-9]))[A-Z]*[0-9][A-Z0-9]*")


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in a text where a token is named."""

    start: int
    end: int
    #: The token as it was issued, or would have been.
    token: str
    #: As it stands in the text.
    text: str


def mentions(text: str) -> Iterator[Mention]:
    """Tokens that a text names, however they are wrapped. Words such as `phone_number` are none.

    Letters may have changed case and an underscore may be escaped, as in Markdown; nothing else may have changed.
    """
    if "_" not in text:
        return
    for match in _MENTION.finditer(text):
        token = f"{match.group(1)}_{match.group(2)}".upper()
        # In another case only what its check character confirms is a token: identifiers look much the same.
        if match.group() == token or is_well_formed(token):
            yield Mention(match.start(), match.end(), token, match.group())


def garbled(text: str) -> str | None:
    """The first piece of a text that was meant as a token and is none."""
    known = {(mention.start, mention.end) for mention in mentions(text)}
    for match in _GARBLED.finditer(text):
        if not any(start <= match.start() < end for start, end in known):
            return match.group()
    return None


def make_token(key: bytes, entity: str, normalised: str, attempt: int) -> str:
    """The token of a value under a ticket's key; another attempt gives another token when one is taken."""
    message = f"token\0{entity}\0{attempt}\0{normalised}".encode()
    number = int.from_bytes(hmac.digest(key, message, "sha256")[:8])
    characters = ""
    for _ in range(ID_LENGTH):
        number, index = divmod(number, len(ALPHABET))
        characters += ALPHABET[index]
    return f"{entity}_{characters}{_check(entity, characters)}"


def fingerprint(key: bytes, entity: str, normalised: str) -> str:
    """The keyed hash by which a value finds its token again."""
    return hmac.digest(key, f"fingerprint\0{entity}\0{normalised}".encode(), "sha256").hex()


def is_well_formed(token: str) -> bool:
    """Whether the check character fits: a model that garbles a token is told apart from one that invents it."""
    match = TOKEN.fullmatch(token)
    return match is not None and match.group(2)[-1] == _check(match.group(1), match.group(2)[:-1])


def neutralise(text: str, issued: Collection[str]) -> str:
    """The text with every token look-alike that this ticket did not issue made harmless: `PERSON-K7Q2XB`."""
    pieces: list[str] = []
    position = 0
    for mention in mentions(text):
        if mention.token not in issued:
            pieces += [text[position : mention.start], mention.text.replace("_", "-")]
            position = mention.end
    return "".join([*pieces, text[position:]]) if pieces else text


def _check(entity: str, characters: str) -> str:
    """Luhn mod N over the keyed characters, shifted by the entity, so that a token under another entity fails too."""
    size = len(ALPHABET)
    total = sum(entity.encode())
    factor = 2
    for character in reversed(characters):
        quotient, remainder = divmod(ALPHABET.index(character) * factor, size)
        total += quotient + remainder
        factor = 3 - factor
    return ALPHABET[-total % size]
