"""What is made of a name model's guesses. The model here is a real spaCy pipeline that guesses by a list."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import spacy

from core.errors import MaskingUnavailable
from core.vault import MemoryVault
from policies.compiled import Bundle
from policies.masking.masker import PROSE_BUDGET, Masker
from policies.masking.names.engines import open_name_models
from policies.masking.names.reader import NameReader
from policies.masking.session import MaskSession
from policies.masking.words import never_words

GUESSES = {
    "PERSON": ["Zebulon Quaide", "Cobalt Strike", "Harbour Bank", "quaide", "Zebulon"],
    "GPE": ["Sundsvall", "Ireland"],
    "ORG": ["Quillmark Freight", "Microsoft Defender"],
    "NORP": ["Faroese"],
}


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "by-list"
    pipeline = spacy.blank("en")
    ruler = pipeline.add_pipe("entity_ruler")
    patterns = [{"label": label, "pattern": name} for label, names in GUESSES.items() for name in names]
    ruler.add_patterns(patterns)  # type: ignore[attr-defined]  # spaCy does not type its components
    pipeline.to_disk(folder)
    return folder


@pytest.fixture
def reader(model_folder: Path, bundle: Bundle) -> NameReader:
    models = open_name_models([f"spacy:{model_folder}"])
    return NameReader(models, never_words(bundle.organization, bundle.masking.never_names))


@pytest.fixture
def session(bundle: Bundle, reader: NameReader) -> MaskSession:
    return Masker(bundle, reader).session(MemoryVault())


def found(session: MaskSession, text: str) -> list[tuple[str, str]]:
    return [(span.entity, span.text) for span in session.mask_with_spans(text)[1]]


def test_guesses_become_tokens_with_their_kind_and_score(session: MaskSession) -> None:
    masked, spans = session.mask_with_spans("Zebulon Quaide of Quillmark Freight moved to Sundsvall and is Faroese.")
    assert [(s.entity, s.text, s.recognizer) for s in spans] == [
        ("PERSON", "Zebulon Quaide", "name-model"),
        ("ORGANIZATION", "Quillmark Freight", "name-model"),
        ("LOCATION", "Sundsvall", "name-model"),
        ("NRP", "Faroese", "name-model"),
    ]
    assert all(s.token and s.token in masked for s in spans)
    assert session.restore_text(masked) == "Zebulon Quaide of Quillmark Freight moved to Sundsvall and is Faroese."


@pytest.mark.parametrize(
    "text",
    [
        "The beacon looks like Cobalt Strike to me.",
        "Microsoft Defender stopped it on arrival.",
        "They imitate Harbour Bank in the subject.",
        "He opened http://sundsvall.example/quaide in the morning.",
        "They wrote to Zebulon@evil.example about it yesterday.",
        "The path was /home/quaide/run.sh on that machine.",
    ],
)
def test_products_our_own_name_and_indicators_are_nobody(session: MaskSession, text: str) -> None:
    assert [entity for entity, _ in found(session, text) if entity not in ("EMAIL", "USERNAME")] == []


def test_a_person_named_in_a_letter_is_masked_in_the_log_too(session: MaskSession) -> None:
    masked = session.mask_json({"body": "I spoke to Zebulon Quaide today.", "log": "uid=zebulon.quaide rc=0 t=17"})
    assert "quaide" not in str(masked).lower()


def test_what_is_known_beats_a_guess_of_another_kind(session: MaskSession) -> None:
    first = session.mask_text("Dear Quillmark Freight, signed Mr. Zebulon Quaide")
    masked = session.mask_text("name: Quillmark Freight. I met Zebulon Quaide.")
    assert first.rpartition(" ")[2].rstrip(".") in masked


def test_a_town_in_a_letter_stays_in_the_log(session: MaskSession) -> None:
    masked = session.mask_json({"body": "I never was in Ireland, honestly.", "log": '{"geo": {"country": "Ireland"}}'})
    assert "Ireland" not in str(masked["body"])
    assert "Ireland" in str(masked["log"])


def test_where_a_login_came_from_stays_in_the_event(session: MaskSession) -> None:
    event = {"geo": {"country": "Ireland"}, "note": "She never was in Ireland."}
    for masked in (session.mask_json(event), json.loads(session.mask_text(json.dumps(event)))):
        assert masked["geo"] == event["geo"]
        assert "Ireland" not in str(masked["note"])


def test_a_token_in_the_text_is_not_masked_again(session: MaskSession) -> None:
    masked = session.mask_text("I spoke to Zebulon Quaide today.")
    assert session.mask_text(masked + " He said so.") == masked + " He said so."


def test_prose_beyond_the_budget_is_hidden_as_a_whole_and_comes_back(session: MaskSession) -> None:
    sentences = (f"In case {number} the caller wanted to know when we would answer.\n" for number in range(10_000))
    text = "".join(sentences)[: PROSE_BUDGET + 60_000]
    masked, spans = session.mask_with_spans(text)
    assert "PROSE" in {span.entity for span in spans}
    hidden = sum(span.end - span.start for span in spans if span.entity == "PROSE")
    assert 50_000 < hidden < 70_000
    assert session.restore_text(masked) == text


def test_a_model_that_is_not_there_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    for name in (
        "spacy:no_such_model",
        f"gliner:{tmp_path}/none",
        f"transformers:{tmp_path}/none",
        "nonsense",
        "spacy:",
    ):
        with pytest.raises(MaskingUnavailable, match=r"install|folder|FOLDER"):
            open_name_models([name])


@pytest.mark.parametrize(("kind", "library"), [("gliner", "gliner"), ("transformers", "transformers")])
def test_a_model_without_its_library_says_what_to_install(
    kind: str, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MaskingUnavailable, match=f"needs {library}"):
        open_name_models([f"{kind}:{tmp_path}"])
