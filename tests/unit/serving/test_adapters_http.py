"""Adapters are models of their own to a client, served beside the one they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from core.canonical import JsonObject
from serving.errors import ModelNotUsable
from serving.loading import Loaded
from serving.server import ServerConfig, _named
from tests.unit.serving.engines import load_tiny, running
from tests.unit.serving.served import House, house, refusal

# peft 0.21 asks transformers 5.23 for an attribute by its old name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


@pytest.fixture(scope="module")
def loaded(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    torch.manual_seed(0)
    config = LoraConfig(r=4, lora_alpha=32, target_modules=["q_proj", "v_proj", "up_proj"], init_lora_weights=False)
    folder = tmp_path_factory.mktemp("adapter") / "phishing"
    get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_model), config).save_pretrained(folder)
    return replace(load_tiny(tiny_model, adapters={"phishing": folder}), name="tiny", context=2048)


@pytest.fixture(scope="module")
def server(loaded: Loaded) -> Iterator[House]:
    with running(loaded) as engine, house(engine) as house_:
        yield house_


def test_an_adapter_is_listed_with_its_parent(server: House) -> None:
    base, adapter = server.get("/v1/models").json()["data"]
    assert (base["id"], "parent" in base) == ("tiny", False)
    assert adapter == {**base, "id": "phishing", "parent": "tiny"}
    assert server.get("/v1/models/phishing").json() == adapter


def test_a_request_gets_the_adapter_it_names(server: House) -> None:
    answers: dict[str, JsonObject] = {}
    for name in ("tiny", "phishing", "tiny", "phishing"):
        answer = server.chat(model=name).json()
        assert answer["model"] == name
        assert answers.setdefault(name, answer["choices"][0]) == answer["choices"][0]
    assert answers["tiny"] != answers["phishing"]


def test_decisions_are_the_adapters_too_and_vectors_are_not(server: House) -> None:
    answers = [{"name": name, "meaning": "It is."} for name in ("malicious", "benign")]
    asked = {"messages": [{"role": "user", "content": "A mail."}], "question": "What is it?", "answers": answers}
    base, adapter = (
        server.post("/v1/decisions", {**asked, "model": n}).json()["answers"] for n in ("tiny", "phishing")
    )
    assert base != pytest.approx(adapter, abs=1e-3)
    assert refusal(server.post("/v1/embeddings", {"model": "phishing", "input": "x"}))[:2] == (400, "model")


def config(**changes: object) -> ServerConfig:
    return replace(ServerConfig(host="127.0.0.1", port=0, max_queue=1, max_answer=1), **changes)  # type: ignore[arg-type]


def test_a_name_and_a_smaller_context_are_taken(loaded: Loaded) -> None:
    named = _named(loaded, config(name="casemate-8b", context=512))
    assert (named.name, named.context) == ("casemate-8b", 512)
    assert _named(loaded, config()) == loaded


@pytest.mark.parametrize(("changes", "told"), [({"context": 4096}, "2048"), ({"name": "phishing"}, "another name")])
def test_what_cannot_be_served_so_is_said(loaded: Loaded, changes: dict[str, object], told: str) -> None:
    with pytest.raises(ModelNotUsable, match=told):
        _named(loaded, config(**changes))
