"""How many layers to keep, and what eight bits cost: short runs on the same texts, each measured the same way.

Run as `python -m policies.masking.training.compare --data DIR --out DIR [--texts N]`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from pathlib import Path

from policies.masking.names.decode import LABELS
from policies.masking.names.model import OnnxNames
from policies.masking.names.wordpiece import WordPieces
from policies.masking.training import evaluate
from policies.masking.training.__main__ import KEEP, MEASURED, write
from policies.masking.training.encoder import from_minilm, minilm
from policies.masking.training.export import LARGEST, Numbers, Writer, measured_scales
from policies.masking.training.train import batches, examples, train

CHOICES = ((0, 1, 2), (0, 1, 2, 3), (0, 1, 2, 3, 4, 5))
#: Numbers of the graph, and the largest weight where they are integers.
KINDS: tuple[tuple[Numbers, int], ...] = (("float", 0), ("dynamic", 127), ("static", 127), ("static", LARGEST))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--texts", type=int, default=15_000)
    arguments = parser.parse_args()
    weights, vocabulary = minilm()
    made = examples(arguments.data, WordPieces.load(vocabulary), arguments.texts, 11, repeats=1)
    sample = random.Random(0).sample(made, 4_000)  # noqa: S311 - a sample, no secret
    work = [batch[:3] for batch in batches(sample, random.Random(0))][:MEASURED]  # noqa: S311 - as above
    for layers in CHOICES:
        model = train(from_minilm(weights, layers, len(LABELS)), made, 11)
        folder = arguments.out / f"layers-{len(layers)}"
        folder.mkdir(parents=True, exist_ok=True)
        write(model, made, arguments.data, folder, {"layers": list(layers)})
        scales = measured_scales(model, work, KEEP)
        for numbers, largest in KINDS if len(layers) == 4 else KINDS[-1:]:
            Writer(model, numbers, scales, largest).write(folder / "names.onnx")
            described = json.loads((folder / "model.json").read_text("utf-8"))
            described["sha256"] = hashlib.sha256((folder / "names.onnx").read_bytes()).hexdigest()
            (folder / "model.json").write_text(json.dumps(described), "utf-8")
            print(len(layers), "layers", numbers, largest, row(folder, arguments.data), flush=True)  # noqa: T201


def row(folder: Path, data: Path) -> str:
    """Recall of people on three sets, precision on one, and speed on prose in one thread."""
    model = OnnxNames(folder, 1)
    research = evaluate.measure(model, evaluate.presidio_research(data), evaluate.TYPES)
    others = [
        evaluate.measure(model, evaluate.conll(data / "ner-ccby" / name), ("PERSON",)).recall("PERSON")
        for name in ("wikigold/wikigold.conll.txt", "WNUT17/test/emerging.test.annotated")
    ]
    people = " ".join(f"{value:.3f}" for value in (research.recall("PERSON"), *others))
    speed = evaluate.kilobytes_per_second(OnnxNames(folder, 1), evaluate.prose(data))
    size = (folder / "names.onnx").stat().st_size / 1e6
    return f"people {people} precision {research.precision:.3f} {size:.1f} MB {speed:.0f} KB/s"


if __name__ == "__main__":
    main()
