"""How many answers of a model of noise have the shape asked for: `python -m evals.shapes [--count N] [--json]`.

Random schemas and sets of tools, casemate's own among them, are asked of a tiny model with random weights at
temperature 1, each with the constraint and without, and with hardly more tokens than the shortest answer takes. Noise
is the adversary: a trained model would mostly get it right by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from core.assessment import Assessment
from core.canonical import JsonObject
from core.log import configure
from evals.shapes_drawn import Drawn
from serving.engine import Ask, Engine, EngineConfig
from serving.loading import ModelSpec, load
from serving.noise import make_model
from serving.shapes import Shape, ShapeRefused, Shapes, ToolShape, Wanted
from tools.registry import default_registry

#: Requests in flight.
AT_ONCE = 16
#: Tokens beyond the shortest answer.
SPARE = (0, 1, 2, 5, 20, 60, 200)
#: Sentences that are listed.
MAX_NAMED = 10
#: A shape whose shortest answer takes more is not asked for: the model's context has an end.
MAX_LEAST = 3000


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer: what is wrong with it (None: nothing), and whether the constraint had to end it."""

    problem: str | None
    whole: bool
    closed: bool
    tokens: int


def measure(engine: Engine, *, count: int, seed: int) -> JsonObject:
    """Ask for `count` shapes and count."""
    drawn, random = Drawn(Random(seed)), Random(seed)  # noqa: S311 - a sample, not a secret
    assert engine.shapes is not None
    began = time.monotonic()
    asked, refused = _shapes(engine.shapes, drawn, count)
    compiled = time.monotonic() - began
    budgets = [shape.least + random.choice(SPARE) for shape in asked]
    results = {}
    for name, constrained in (("constrained", True), ("free", False)):
        began = time.monotonic()
        answers = asyncio.run(_answers(engine, list(zip(asked, budgets, strict=True)), constrained=constrained))
        results[name] = _counted(answers, time.monotonic() - began)
    return {
        "shapes": len(asked),
        "refused": dict(refused.most_common(MAX_NAMED)),
        "compile_ms": round(1000 * compiled / max(1, len(asked)), 1),
        **results,
    }


def _shapes(shapes: Shapes, drawn: Drawn, count: int) -> tuple[list[Shape], Counter[str]]:
    """Shapes of casemate's own requests first, then drawn ones."""
    tools = tuple(ToolShape(name=tool.name, parameters=tool.spec().parameters) for tool in default_registry().all())
    assessment = Assessment.model_json_schema()
    own = [Wanted(tools=(tool,), choice="required", parallel=False) for tool in tools]
    own += [Wanted(schema=assessment), Wanted(schema=assessment, tools=tools, choice="auto"), Wanted(schema={})]
    found: list[Shape] = []
    refused: Counter[str] = Counter()
    while len(found) < count:
        wanted = own.pop() if own else drawn.wanted(tools)
        try:
            shape = shapes.compile(wanted)
        except ShapeRefused as error:
            refused[str(error)] += 1
            continue
        if shape is not None and shape.least <= MAX_LEAST:
            found.append(shape)
    return found, refused


async def _answers(engine: Engine, asked: list[tuple[Shape, int]], *, constrained: bool) -> list[Answered]:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, shape: Shape, budget: int) -> Answered:
        async with slots:
            return await _answer(engine, number, shape, budget, constrained=constrained)

    return await asyncio.gather(*(one(number, *each) for number, each in enumerate(asked)))


async def _answer(engine: Engine, number: int, shape: Shape, budget: int, *, constrained: bool) -> Answered:
    prompt = engine.loaded.tokenizer.encode(f"<|im_start|>user\nRequest {number}<|im_end|>\n<|im_start|>assistant\n")
    ask = Ask(prompt=prompt, max_new_tokens=budget, temperature=1.0, shape=shape if constrained else None)
    tokens: list[int] = []
    finish, closed = "length", False
    async for step in engine.generate(ask):
        tokens += step.tokens
        finish, closed = step.finish or finish, step.closed
    text = engine.loaded.tokenizer.decode(tokens, skip_special_tokens=True)
    return Answered(shape.problem(text), finish == "stop", closed, len(tokens))


def _counted(answers: Sequence[Answered], seconds: float) -> JsonObject:
    valid = sum(answer.problem is None for answer in answers)
    wrong = Counter(answer.problem for answer in answers if answer.problem is not None)
    tokens = sum(answer.tokens for answer in answers)
    return {
        "valid": valid,
        "share": round(valid / len(answers), 4),
        "ended_by_themselves": sum(answer.whole for answer in answers),
        "ended_by_budget": sum(answer.closed for answer in answers),
        "tokens": tokens,
        "seconds": round(seconds, 1),
        "wrong": dict(wrong.most_common(MAX_NAMED)),
    }


def run(*, count: int, seed: int) -> JsonObject:
    """Make a model of noise, start an engine on it and measure."""
    with tempfile.TemporaryDirectory(prefix="casemate-evals-") as folder:
        loaded = load(ModelSpec(model=str(make_model(Path(folder))), device="cpu"))
        shapes = Shapes(loaded.tokenizer, vocab_size=loaded.vocab_size, stop_token_ids=loaded.stop_token_ids)
        engine = Engine(loaded, EngineConfig(max_concurrency=AT_ONCE), shapes)
        try:
            engine.start()
            return measure(engine, count=count, seed=seed)
        finally:
            engine.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 when every constrained answer was valid, 1 when one was not."""
    parser = argparse.ArgumentParser(prog="python -m evals.shapes", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="shapes to ask for")
    parser.add_argument("--seed", type=int, default=1, help="which shapes")
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args(arguments)
    configure("error")
    document = run(count=asked.count, seed=asked.seed)
    sys.stdout.write((json.dumps(document, indent=2) if asked.json else as_text(document)) + "\n")
    return 0 if document["constrained"]["valid"] == document["shapes"] else 1


def as_text(document: JsonObject) -> str:
    """The document for a terminal."""
    lines = [f"{document['shapes']} shapes, {document['compile_ms']} ms to compile one; refused: {document['refused']}"]
    for name in ("constrained", "free"):
        part = document[name]
        lines.append(
            f"  {name}: {part['valid']} valid ({part['share']:.1%}), {part['ended_by_themselves']} came to an end, "
            f"{part['ended_by_budget']} of them by the budget; {part['tokens']} tokens in {part['seconds']} s"
        )
        lines += [f"    {number} times: {sentence}" for sentence, number in part["wrong"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
