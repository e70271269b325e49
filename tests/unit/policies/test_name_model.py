"""The embedded name model reads names of many places, leaves technical text alone, and copes with any input."""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from policies.masking.names.model import FOLDER, Found, NameModel, OnnxNames, load_default
from policies.masking.names.wordpiece import WordPieces


@pytest.fixture(scope="module")
def model() -> NameModel:
    return load_default()


def read(model: NameModel, text: str) -> list[tuple[str, str]]:
    return [(text[name.start : name.end], name.entity) for name in model.find([text])[0]]


def hidden(model: NameModel, text: str, name: str) -> bool:
    """Whether every letter of a name lies in something found."""
    start = text.index(name)
    covered = {index for found in model.find([text])[0] for index in range(found.start, found.end)}
    return all(index in covered for index in range(start, start + len(name)) if text[index].isalnum())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Please reset the password of Margaret Oduya before noon.", "Margaret Oduya"),
        ("please call back ravi deshpande about the printer", "ravi deshpande"),
        ("TICKET FROM HENRIETTE FALKENBERG: SCREEN IS BLACK", "HENRIETTE FALKENBERG"),
        ("Dr. Szabolcs Kerekes will be in the office on Friday.", "Szabolcs Kerekes"),
        ("Ms. Thorvaldsdóttir denies that she approved the login.", "Thorvaldsdóttir"),
        ("Tell Xiaoming that O'Rourke has the keys.", "O'Rourke"),
        ("Hallo Jörg,\n\nder Zugang ist gesperrt.\n\nGruß\nAnneliese Brückner", "Anneliese Brückner"),
        ("Bonjour, je m'appelle Géraldine Lefèvre-Roussel.", "Géraldine Lefèvre-Roussel"),
        ("Меня зовут Светлана Морозова, я не могу войти.", "Светлана Морозова"),
        ("Regards,\nKwabena\nHead of Payments", "Kwabena"),
        ("Mallory's laptop shows a ransom note.", "Mallory"),
    ],
)
def test_people_are_found(model: NameModel, text: str, name: str) -> None:
    assert hidden(model, text, name)
    assert any(entity == "PERSON" for _, entity in read(model, text))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("She lives at 48 Willow Crescent, Flat 3, Norwich NR4 7TJ.", "48 Willow Crescent"),
        ("Meine Anschrift: Lindenallee 17b, 04229 Leipzig", "Lindenallee 17b"),
        ("Send it to 1207 Cedar Ridge Road Apt. 5, Topeka, KS 66604", "1207 Cedar Ridge Road Apt. 5"),
        ("Ship to PSC 812, Box 3307, FPO AE 09627 please.", "PSC 812, Box 3307"),
        ("J'habite au 12 rue des Tilleuls, 69003 Lyon.", "12 rue des Tilleuls"),
    ],
)
def test_addresses_are_found(model: NameModel, text: str, place: str) -> None:
    assert hidden(model, text, place)


@pytest.mark.parametrize(
    ("text", "name", "entity"),
    [
        ("We opened a branch in Guadalajara last year.", "Guadalajara", "LOCATION"),
        ("I'm originally from Uruguay.", "Uruguay", "LOCATION"),
        ("He left Harborline Logistics GmbH in May.", "Harborline Logistics GmbH", "ORGANIZATION"),
        ("The new nurse is Portuguese.", "Portuguese", "NRP"),
    ],
)
def test_places_firms_and_groups_are_found(model: NameModel, text: str, name: str, entity: str) -> None:
    assert hidden(model, text, name)
    assert entity in {kind for _, kind in read(model, text)}


@pytest.mark.parametrize(
    "text",
    [
        "The loader injects shellcode into explorer.exe and sets a Run key for persistence.",
        "Event ID 4769: A Kerberos service ticket was requested with RC4 encryption.",
        "Traceback (most recent call last):\n  File \"/opt/app/run.py\", line 12, in main\nKeyError: 'token'",
        "CVE-2021-44228 allows remote code execution; patch the server as soon as possible.",
        "Disable the rule and restart the service, then check the queue again.",
        "How can I reset my password?",
        "God knows why the queue is full again.",
        "Conditional Access blocked the sign-in because the device is not compliant.",
    ],
)
def test_technical_text_is_left_alone(model: NameModel, text: str) -> None:
    assert read(model, text) == []


def test_a_signature_and_an_address_block_are_covered_line_by_line(model: NameModel) -> None:
    card = "Oluwaseun Bankole\nSales manager\nPinewood Textiles Ltd\n> 22 Harcourt Road\n> Dublin 2\n> Ireland"
    text = f"Kind regards,\n\n{card}"
    for name in ("Oluwaseun Bankole", "22 Harcourt Road", "Dublin", "Ireland"):
        assert hidden(model, text, name)
    assert not hidden(model, text, "Kind regards")


def test_offsets_count_characters_of_the_raw_text(model: NameModel) -> None:
    text = "🚨🚨 e\u0301te\u0301 — Zoë Müller-Łukasik 👩‍💻 wrote from Łódź"
    found = read(model, text)
    assert ("Zoë Müller-Łukasik", "PERSON") in found
    assert any(place == "Łódź" for place, _ in found)


def test_long_texts_are_read_to_the_end(model: NameModel) -> None:
    filler = "The service was restarted and the queue is empty again. " * 60
    text = f"{filler}Please inform Beatrix Hallström. {filler}Then call Tendai Moyo."
    assert hidden(model, text, "Beatrix Hallström")
    assert hidden(model, text, "Tendai Moyo")


def test_a_text_gives_the_same_names_whatever_it_is_batched_with() -> None:
    texts = [
        f"Ticket {number}: {name} called." for number, name in enumerate(["Ines Castellanos", "Bob", "x " * 90] * 8)
    ]
    together = OnnxNames(FOLDER).find(texts)
    alone = OnnxNames(FOLDER, threads=1)
    spans = [[(name.start, name.end, name.entity) for name in names] for names in together]
    assert (
        spans
        == [[(name.start, name.end, name.entity) for name in alone.find([text])[0]] for text in reversed(texts)][::-1]
    )


def test_several_threads_read_the_same() -> None:
    model = OnnxNames(FOLDER, threads=2)
    texts = [
        f"{name} asked for access to the share {number}."
        for number, name in enumerate(["Petra Novotná", "Idris Bello"] * 10)
    ]
    alone = [[(name.start, name.end) for name in names] for names in OnnxNames(FOLDER, threads=1).find(texts)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(model.find, [texts] * 6))
    assert all([[(name.start, name.end) for name in names] for names in result] == alone for result in results)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\x00\x00",
        "\n" * 500,
        "a" * 100_000,
        "." * 20_000,
        "\ud800 x",
        "한국어 日本語 नमस्ते ไทย",
        "٣" * 300,
        "_-_" * 300,
        "﷽" * 50,
    ],
)
def test_no_text_breaks_it(model: NameModel, text: str) -> None:
    for name in model.find([text])[0]:
        assert 0 <= name.start < name.end <= len(text)


def test_names_come_in_order_without_overlap_and_with_a_score(model: NameModel) -> None:
    text = "Anna, Bruno and Chidi of Brightmoor Analytics met in Turin; Dana Whitlock did not."
    found = model.find([text])[0]
    assert [name.start for name in found] == sorted(name.start for name in found)
    assert all(first.end <= second.start for first, second in pairwise(found))
    assert all(0 < name.score <= 1 and isinstance(name, Found) for name in found)


def test_the_weights_are_small_and_are_those_described() -> None:
    described = json.loads((FOLDER / "model.json").read_text("utf-8"))
    weights = FOLDER / described["weights"]
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == described["sha256"]
    assert weights.stat().st_size + (FOLDER / described["vocabulary"]).stat().st_size <= 25 * 1024 * 1024


def test_other_weights_are_refused(tmp_path: Path) -> None:
    for name in ("model.json", "vocab.txt"):
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    (tmp_path / "names.onnx").write_bytes((FOLDER / "names.onnx").read_bytes() + b"\0")
    with pytest.raises(ValueError, match="digest"):
        OnnxNames(tmp_path)


def test_what_is_remembered_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policies.masking.names.model.REMEMBERED", 2)
    monkeypatch.setattr("policies.masking.names.wordpiece.REMEMBERED", 3)
    model = OnnxNames(FOLDER, threads=1)
    texts = [f"{name} called from the lobby." for name in ("Agnieszka", "Bartosz", "Celina", "Dorota")]
    first = model.find(texts)
    assert model.find(texts) == first
    assert all(found[0].entity == "PERSON" for found in first)


def test_words_longer_than_any_name_are_one_unknown_piece() -> None:
    words = WordPieces.load(FOLDER / "vocab.txt").words("x" * 5_000 + " Ada")
    assert [len(parts) for parts in words.pieces] == [1, 1]


def test_generated_texts_are_the_same_under_a_seed_and_their_spans_match() -> None:
    pytest.importorskip("faker", reason="the generator draws from Faker, a training-time dependency")
    from policies.masking.training.generate import Generator
    from policies.masking.training.pools import Pools

    first = list(Generator(Pools(3, depth=20)).texts(300))
    assert first == list(Generator(Pools(3, depth=20)).texts(300))
    for marked in first:
        for start, end, _ in marked.spans:
            assert marked.text[start:end].strip() == marked.text[start:end] != ""
    assert {entity for marked in first for _, _, entity in marked.spans} == {
        "PERSON", "ADDRESS", "LOCATION", "ORGANIZATION", "NRP",
    }  # fmt: skip


def test_wikigold_is_read_although_nothing_of_it_was_trained_on(model: NameModel) -> None:
    from policies.masking.training.evaluate import conll, measure

    path = Path(os.environ.get("CASEMATE_DATA", "../shared/data")) / "ner-ccby/wikigold/wikigold.conll.txt"
    if not path.exists():
        pytest.skip("outside data is not here: set CASEMATE_DATA")
    result = measure(model, conll(path), ("PERSON", "LOCATION", "ORGANIZATION"))
    assert result.recall("PERSON") >= 0.85
