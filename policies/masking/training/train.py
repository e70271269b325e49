"""Fine-tuning: marked texts into labelled windows, those into batches, batches into a trained encoder."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from policies.masking.names.decode import LABELS
from policies.masking.names.wordpiece import WordPieces
from policies.masking.training import corpora
from policies.masking.training.encoder import Encoder
from policies.masking.training.generate import Generator, Marked
from policies.masking.training.pools import Pools

#: Pieces in a training window, and pieces of a batch with its padding.
LONGEST = 190
BATCH_PIECES = 2_304
#: Windows of a batch are padded to a multiple of this.
STEP = 16
#: How often each sentence of the outside sets is seen, and how many of them stand together in a window.
REPEATS = 3
MOST_TOGETHER = 4
IGNORED = -100
#: Highest learning rate of a first and of a later pass, how much faster new parts learn, and the share of warming up.
PEAK, LATER_PEAK, HEAD, WARM_UP = 2.5e-4, 1.5e-4, 4, 0.06


@dataclass(frozen=True, slots=True)
class Example:
    """A window: pieces, shapes and labels of the same length."""

    pieces: list[int]
    shapes: list[int]
    labels: list[int]


def example(marked: Marked, words: WordPieces) -> Example:
    """The first piece of each word carries the word's label; the other pieces are not asked."""
    found = words.words(marked.text)
    pieces, shapes, labels = [words.start], [0], [IGNORED]
    spans = iter((*marked.spans, (1 << 60, 1 << 60, "")))
    start, end, entity = next(spans)
    for begin, stop, parts, shape in zip(found.starts, found.ends, found.pieces, found.shapes, strict=True):
        while begin >= end:
            start, end, entity = next(spans)
        if len(pieces) + len(parts) >= LONGEST:
            break
        label = 0
        if begin >= start:
            label = LABELS.index(("B-" if begin == start else "I-") + entity)
        if any(low <= begin and stop <= high for low, high in marked.ignored):
            label = IGNORED
        pieces.extend(parts)
        shapes.extend([shape] * len(parts))
        labels.extend([label] + [IGNORED] * (len(parts) - 1))
    return Example([*pieces, words.end], [*shapes, 0], [*labels, IGNORED])


def examples(data: Path, words: WordPieces, count: int, seed: int, repeats: int = REPEATS) -> list[Example]:
    """Generated texts and the outside sets together."""
    generator = Generator(Pools(seed))
    made = [example(text, words) for text in generator.texts(count)]
    dice = random.Random(seed)  # noqa: S311 - shuffling, no secret
    sentences = corpora.training_texts(data)
    for _ in range(repeats):
        dice.shuffle(sentences)
        place = 0
        while place < len(sentences):
            size = dice.choice((1, 1, 2, MOST_TOGETHER))
            text = _together(sentences[place : place + size], dice)
            made.append(example(text, words))
            place += size
    return [each for each in made if len(each.pieces) > 2]


def _together(texts: list[Marked], dice: random.Random) -> Marked:
    gap = dice.choice((" ", " ", "\n"))
    text, spans, ignored = "", [], []
    for part in texts:
        start = len(text) + (len(gap) if text else 0)
        text += (gap if text else "") + part.text
        spans += [(low + start, high + start, entity) for low, high, entity in part.spans]
        ignored += [(low + start, high + start) for low, high in part.ignored]
    if dice.random() < 0.06 and len(text.lower()) == len(text):
        text = text.lower()
    return Marked(text, tuple(spans), tuple(ignored))


def batches(made: list[Example], dice: random.Random) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Batches of windows of like length, in random order."""
    order = sorted(range(len(made)), key=lambda index: len(made[index].pieces) + dice.random())
    groups: list[list[Example]] = []
    while order:
        # The longest first; few widths, because the kernels are compiled anew for each shape of a batch.
        width = -(-len(made[order[-1]].pieces) // STEP) * STEP
        size = max(1, BATCH_PIECES // width)
        groups.append([made[index] for index in order[-size:]])
        del order[-size:]
    dice.shuffle(groups)
    for group in groups:
        lengths = torch.tensor([len(each.pieces) for each in group])
        width = -(-int(lengths.max()) // STEP) * STEP
        pieces, shapes = (
            torch.zeros(len(group), width, dtype=torch.long),
            torch.zeros(len(group), width, dtype=torch.long),
        )
        labels = torch.full((len(group), width), IGNORED)
        for row, each in enumerate(group):
            size = len(each.pieces)
            pieces[row, :size], shapes[row, :size] = torch.tensor(each.pieces), torch.tensor(each.shapes)
            labels[row, :size] = torch.tensor(each.labels)
        yield pieces, shapes, lengths, labels


def train(model: Encoder, made: list[Example], seed: int, *, peak: float = PEAK) -> Encoder:
    """One pass over the examples; the rate rises to its peak, then falls in a straight line to nothing."""
    torch.manual_seed(seed)
    model.train()
    work = list(batches(made, random.Random(seed)))  # noqa: S311 - shuffling, no secret
    fresh = [*model.classify.parameters(), *model.shape.parameters()]
    apart = {id(parameter) for parameter in (*fresh, model.word.weight)}
    old = [parameter for parameter in model.parameters() if id(parameter) not in apart]
    dense = torch.optim.AdamW(
        [{"params": old, "lr": peak}, {"params": fresh, "lr": peak * HEAD}], weight_decay=0.01, fused=True
    )
    # The words' table is half of the parameters and a batch touches a thousandth of it.
    sparse = torch.optim.SparseAdam([model.word.weight], lr=peak)

    def share(step: int) -> float:
        return min((step + 1) / (WARM_UP * len(work)), (len(work) - step) / ((1 - WARM_UP) * len(work)))

    rates = [torch.optim.lr_scheduler.LambdaLR(optimizer, share) for optimizer in (dense, sparse)]
    began, seen, average = time.monotonic(), 0, 0.0
    for step, (pieces, shapes, lengths, labels) in enumerate(work):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            scores = model(pieces, shapes, lengths)
        loss = functional.cross_entropy(scores.float().view(-1, len(LABELS)), labels.view(-1), ignore_index=IGNORED)
        model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*old, *fresh], 1.0)
        dense.step()
        sparse.step()
        for rate in rates:
            rate.step()
        seen += int(lengths.sum())
        average += (float(loss.detach()) - average) / min(step + 1, 100)
        if step in (9, 24) or step % 50 == 49:
            speed = seen / (time.monotonic() - began)
            print(f"{step + 1}/{len(work)} loss {average:.4f} {speed:,.0f} pieces/s", flush=True)  # noqa: T201
    model.eval()
    return model
