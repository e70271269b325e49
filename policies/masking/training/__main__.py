"""`python -m policies.masking.training --data DIR --out DIR` makes the texts, trains, and writes the name model."""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
from pathlib import Path

import torch

from policies.masking.names.decode import LABELS
from policies.masking.names.wordpiece import WordPieces
from policies.masking.training import corpora
from policies.masking.training.encoder import MINILM_SHA256, Encoder, from_minilm, minilm
from policies.masking.training.evaluate import report
from policies.masking.training.export import Writer, measured_scales
from policies.masking.training.train import LATER_PEAK, PEAK, Example, batches, examples, train

#: Layers of MiniLM that are kept, and texts that are generated; docs/explanation/masking.md has the measurements.
LAYERS = (0, 1, 2, 3)
TEXTS = 150_000
#: Batches that the scales of the activations are measured on, and the share of values that must fit.
MEASURED = 40
KEEP = 0.9999
#: How sure the model must be. People are masked on less than an even chance: one left in costs more than one too many.
THRESHOLDS = {"PERSON": 0.4, "ADDRESS": 0.4, "LOCATION": 0.5, "ORGANIZATION": 0.6, "NRP": 0.5}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m policies.masking.training", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with ner-ccby/ and presidio-research/")
    parser.add_argument("--out", type=Path, required=True, help="folder for names.onnx, vocab.txt and model.json")
    parser.add_argument("--texts", type=int, default=TEXTS)
    parser.add_argument("--layers", type=lambda value: tuple(map(int, value.split(","))), default=LAYERS)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--start", type=Path, help="checkpoint.pt of an earlier call, to go on from")
    arguments = parser.parse_args()
    weights, vocabulary = minilm()
    made = examples(arguments.data, WordPieces.load(vocabulary), arguments.texts, arguments.seed)
    model = from_minilm(weights, arguments.layers, len(LABELS))
    passes = [{"texts": arguments.texts, "seed": arguments.seed}]
    if arguments.start is not None:
        earlier = torch.load(arguments.start, weights_only=True)
        model.load_state_dict(earlier["weights"])
        passes = [*earlier["passes"], *passes]
    model = train(model, made, arguments.seed, peak=PEAK if arguments.start is None else LATER_PEAK)
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.save({"weights": model.state_dict(), "passes": passes}, arguments.out / "checkpoint.pt")
    about: dict[str, object] = {"layers": list(arguments.layers), "passes": passes}
    write(model, made, arguments.data, arguments.out, about)
    report(arguments.out, arguments.data)


def write(model: Encoder, made: list[Example], data: Path, out: Path, about: dict[str, object]) -> None:
    """The graph, the vocabulary, and what they are."""
    shutil.copyfile(minilm()[1], out / "vocab.txt")
    sample = random.Random(0).sample(made, min(len(made), 6_000))  # noqa: S311 - a sample, no secret
    work = [batch[:3] for batch in batches(sample, random.Random(0))][:MEASURED]  # noqa: S311 - as above
    Writer(model, "static", measured_scales(model, work, KEEP)).write(out / "names.onnx")
    described = {
        "name": f"casemate-names-{len(model.layers)}",
        "weights": "names.onnx",
        "sha256": _digest(out / "names.onnx"),
        "vocabulary": "vocab.txt",
        "labels": list(LABELS),
        "thresholds": THRESHOLDS,
        "training": {
            **about,
            "minilm_sha256": MINILM_SHA256,
            "sets_sha256": {name: _digest(data / "ner-ccby" / name) for name in corpora.TRAINING_FILES},
        },
    }
    (out / "model.json").write_text(json.dumps(described, indent=2) + "\n", "utf-8")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
