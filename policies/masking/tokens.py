"""Tokens: `ENTITY_` plus five keyed characters and a check character, e.g. `PERSON_K7Q2XB`."""

from __future__ import annotations

import hashlib
import hmac
import re
import typing
from collections.abc import Collection

from policies.masking.rules import Entity

#: Letters and digits that nobody (and no model) mistakes for one another: no I, L, O, U, 0, 1.
ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
#: Keyed characters of a token: 24 million per entity and ticket.
ID_LENGTH = 5

ENTITIES: tuple[Entity, ...] = typing.get_args(Entity)

#: Anything that has the shape of a token, issued or not.
TOKEN = re.compile(rf"(?<![A-Za-z0-9])({'|'.join(ENTITIES)})_([{ALPHABET}]{{{ID_LENGTH + 1}}})(?![A-Za-z0-9])")


def make_token(key: bytes, entity: str, normalised: str, attempt: int) -> str:
    """The token of a value under a ticket's key; another attempt gives another token when one is taken."""
    message = f"token\0{entity}\0{attempt}\0{normalised}".encode()
    number = int.from_bytes(hmac.new(key, message, hashlib.sha256).digest()[:8])
    characters = ""
    for _ in range(ID_LENGTH):
        number, index = divmod(number, len(ALPHABET))
        characters += ALPHABET[index]
    return f"{entity}_{characters}{_check(entity, characters)}"


def fingerprint(key: bytes, entity: str, normalised: str) -> str:
    """The keyed hash by which a value finds its token again."""
    return hmac.new(key, f"fingerprint\0{entity}\0{normalised}".encode(), hashlib.sha256).hexdigest()


def is_well_formed(token: str) -> bool:
    """Whether the check character fits: a model that garbles a token is told apart from one that invents it."""
    match = TOKEN.fullmatch(token)
    return match is not None and match.group(2)[-1] == _check(match.group(1), match.group(2)[:-1])


def neutralise(text: str, issued: Collection[str]) -> str:
    """The text with every token look-alike that this ticket did not issue made harmless: `PERSON-K7Q2XB`."""
    if "_" not in text:
        return text
    return TOKEN.sub(lambda m: m.group() if m.group() in issued else f"{m.group(1)}-{m.group(2)}", text)


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
