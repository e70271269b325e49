"""The CC BY sets, Broad Twitter Corpus, WNUT17 and SEC filings, as marked texts in our labels. Wikigold is left out.

What a set does not mark but we would (nationalities, addresses, user names) is ignored rather than learnt as no name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from policies.masking.training.generate import Marked
from policies.masking.training.pools import load_lexicon

LABELS = {
    "PER": "PERSON",
    "person": "PERSON",
    "LOC": "LOCATION",
    "location": "LOCATION",
    "ORG": "ORGANIZATION",
    "corporation": "ORGANIZATION",
    "group": "ORGANIZATION",
}
TRAINING_FILES = (
    *(f"BTC/{part}.conll" for part in "abefgh"),
    "WNUT17/train/wnut17train.conll",
    "SEC-filings/train/FIN5.txt",
)
#: A street address in a filing, which its annotators left out or took for a place.
_ADDRESS = re.compile(r"\b(?:Street|Avenue|Suite|Drive|Road|Boulevard|Floor|Parkway|Blvd)\b")
_TIGHT_BEFORE = frozenset(".,;:!?)]}%'")
_TIGHT_AFTER = frozenset("([{@#$")

Token = tuple[str, str]


def training_texts(data: Path) -> list[Marked]:
    """Every sentence of the training sets. Raises: FileNotFoundError when a set is missing."""
    words = load_lexicon()
    groups = _group_words(words)
    roles = groups | frozenset(words["roles"])
    texts = []
    for name in TRAINING_FILES:
        for sentence in read(data / "ner-ccby" / name):
            text = _joined(sentence, roles if name.startswith("SEC") else groups)
            if not (name.startswith("SEC") and _ADDRESS.search(text.text)):
                texts.append(text)
    return texts


def read(path: Path) -> Iterator[list[Token]]:
    """Sentences of a CoNLL file as (word, tag) pairs; the tag is the last column."""
    sentence: list[Token] = []
    for line in path.read_text("utf-8").splitlines():
        columns = line.split()
        if not columns or columns[0] == "-DOCSTART-":
            if sentence:
                yield sentence
            sentence = []
        elif len(columns) > 1:
            sentence.append((columns[0], columns[-1]))
    if sentence:
        yield sentence


def joined(sentence: list[Token]) -> Marked:
    """A sentence as text with its spans, nothing ignored: for measuring."""
    return _joined(sentence, None)


def _joined(sentence: list[Token], unmarked: frozenset[str] | None) -> Marked:
    """A sentence with its spans; `unmarked` words and user names are ignored, unless it is nothing."""
    text = ""
    spans: list[tuple[int, int, str]] = []
    ignored: list[tuple[int, int]] = []
    before = ""
    open_label: str | None = None
    for word, tag in sentence:
        tight = not text or word[0] in _TIGHT_BEFORE or before in _TIGHT_AFTER or word == "n't"
        start = len(text) + (0 if tight else 1)
        text += word if tight else " " + word
        label = LABELS.get(tag[2:]) if tag != "O" else None
        handle = label is None and (word[0] == "@" or before == "@")
        if unmarked is not None and (handle or word.lower() in unmarked):
            ignored.append((start, len(text)))
            label = None
        if label is not None and label == open_label and tag[0] == "I":
            spans[-1] = (spans[-1][0], len(text), label)
        elif label is not None:
            spans.append((start, len(text), label))
        open_label = label
        before = word
    return Marked(text, tuple(spans), tuple(ignored))


def _group_words(words: dict[str, list[str]]) -> frozenset[str]:
    lists = ("demonyms", "peoples", "religions", "faiths", "believers", "politics", "factions")
    return frozenset(part.lower() for name in lists for entry in words[name] for part in entry.split())
