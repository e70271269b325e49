"""The demo's tickets with a model that says noise, held to its shapes: its words are worth nothing, nothing may break.

`python -m evals.noise` serves a tiny model with random weights and works every sample on both frameworks through whole
journeys. Counted is form: answers that are no assessment of the schema, calls of tools that do not exist or whose
arguments do not fit. That an assessment of noise cites no evidence is content, and is counted apart.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli.processes import Crew
from cli.samples import load_samples
from cli.up import answers, free_port
from core.canonical import JsonObject
from core.log import configure
from evals.example import Example
from evals.office import Worked, opened

FRAMEWORKS = ("autogen", "adk")
#: Tokens of one answer: enough for every tool call, and for an assessment.
MAX_ANSWER_TOKENS = 256
#: Smaller still than the tiny model: what costs here is attention over long prompts.
SMALL: dict[str, Any] = {"num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1}
#: Seconds one answer may take; a processor is slow and many tickets share it.
PATIENCE = 120.0
#: Seconds until the model is warm.
START_SECONDS = 120.0

#: What the course says to a role whose answer has the wrong form, and what tools say of arguments that do.
_MALFORMED = ("Your answer holds no JSON object", "Your answer does not fit the schema")
_MISCALLED = ("is not a tool of the", "are not a JSON object", "The arguments are: ")
_UNCITED = "rests on no finding that cites evidence"


def examples(limit: int | None = None) -> list[Example]:
    """The demo's tickets that a team works on, each once."""
    found = [s for s in load_samples() if s.valid and s.expect != "same" and not s.superseded]
    return [Example(name=s.name, group="demo", ticket=s.ticket) for s in found][:limit]


def work(folder: Path, chosen: Sequence[Example], frameworks: Sequence[str], *, at_once: int) -> JsonObject:
    """Every example on every framework against a model of noise in `folder`; the document says what broke."""
    with _served(folder, at_once) as url:
        changes = {"model_timeout": PATIENCE, "model_patience": 0, "model_answer_tokens": MAX_ANSWER_TOKENS}
        with opened(folder, at_once=at_once, model_url=url, model_name="noise", **changes) as office:
            worked = [done for framework in frameworks for done in office.work(chosen, framework)]
    return document(worked)


def document(worked: Sequence[Worked]) -> JsonObject:
    """What is printed."""
    counts: Counter[str] = Counter()
    for done in worked:
        counts["requests"] += done.requests
        for turn in done.turns:
            counts[_kind(turn)] += 1
    return {
        "evaluation": "noise",
        "tickets": len(worked),
        "ends": dict(sorted(Counter(done.end for done in worked).items())),
        "broken": [
            f"{d.framework} {d.example.name}: {d.end}, {d.trouble}"
            for d in worked
            if d.end != "finished" and not d.blocked
        ],
        # Noise may hit on a word that is somebody's name; the guard then stops it, as it should.
        "stopped_by_the_guard": sum(d.blocked for d in worked),
        "model_requests": counts["requests"],
        "tool_calls": counts["call"],
        "malformed_answers": counts["malformed"],
        "malformed_calls": counts["miscalled"],
        "assessments_without_evidence": counts["uncited"],
        "seconds_longest": round(max((done.seconds for done in worked), default=0.0), 1),
    }


def _kind(turn: JsonObject) -> str:
    said = str(turn["content"])
    if turn["role"] == "tool_call":
        return "call"
    if turn["role"] == "tool_result":
        return "miscalled" if any(words in said for words in _MISCALLED) else "result"
    if turn["role"] == "system":
        return "malformed" if any(words in said for words in _MALFORMED) else "uncited" if _UNCITED in said else "told"
    return "said"


@contextmanager
def _served(folder: Path, slots: int) -> Iterator[str]:
    from serving.noise import make_model

    model, port = make_model(folder / "model", **SMALL), free_port()
    options = ["--name", "noise", "--device", "cpu", "--temperature", "1"]
    options += ["--max-concurrency", str(slots), "--port", str(port)]
    with Crew(folder / "logs") as crew:
        crew.start("model", "serve", str(model), *options, env={}, trusted=False)
        ready = f"http://127.0.0.1:{port}/readyz"
        crew.wait_for(lambda: answers(ready), what="model server", seconds=START_SECONDS)
        yield f"http://127.0.0.1:{port}/v1"


def main(arguments: list[str] | None = None) -> int:
    """Print the document; 1 if anything broke."""
    configure("error")
    parser = argparse.ArgumentParser(
        prog="python -m evals.noise", description="The demo's tickets with a model of noise."
    )
    parser.add_argument("--tickets", type=int, help="only the first so many")
    parser.add_argument("--at-once", type=int, default=4, help="tickets worked at the same time (4)")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="casemate-noise-") as folder:
        found = work(Path(folder), examples(asked.tickets), FRAMEWORKS, at_once=asked.at_once)
    print(json.dumps(found, indent=2))  # noqa: T201 - its output
    return 1 if found["broken"] or found["malformed_answers"] or found["malformed_calls"] else 0


if __name__ == "__main__":
    sys.exit(main())
