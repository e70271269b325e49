"""Texts of 1 MB that somebody wrote to be slow, each masked in a process that does nothing else."""

from __future__ import annotations

import base64
import json
import random
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable

from benchmarks._masking_sides import Casemate, default_bundle, warm
from core.canonical import Json, JsonObject
from core.process import collect_seldom
from policies.masking.opening import open_masker

#: Characters of each text.
SIZE = 1_000_000

_WORDS = re.findall(
    r"\w+",
    "the report says that our team looked at every message and found nothing strange in the mailbox while a colleague "
    "from accounting asked whether the invoice of last week had been paid before the weekend and who had approved it",
)
_NAMES = ("Anna", "Berger", "Carlos", "Dupont", "Elena", "Fischer", "Giulia", "Hansen", "Ivan", "Jansen", "Novak")


def _prose(chance: random.Random) -> str:
    sentences = []
    for _ in range(SIZE // 60):
        words = chance.choices(_WORDS, k=12)
        words.insert(chance.randrange(12), " ".join(chance.choices(_NAMES, k=2)))
        sentences.append(f"So {' '.join(words)}.")
    return _cut("\n".join(sentences))


def _logs(chance: random.Random) -> str:
    rows = []
    for number in range(SIZE // 220):
        event = {
            "time": f"2026-05-{number % 28 + 1:02}T10:{number % 60:02}:00Z", "srcip": _address(chance), "op": "login",
            "user": f"{chance.choice(_NAMES).lower()}{number}", "id": f"{chance.getrandbits(64):016x}",
            "agent": "Mozilla/5.0 (X11; Linux x86_64)", "bytes": chance.getrandbits(30),
        }  # fmt: skip
        rows.append(json.dumps(event))
    return _cut("\n".join(rows))


def _address(chance: random.Random) -> str:
    return ".".join(str(chance.randrange(1, 255)) for _ in range(4))


def _html(chance: random.Random) -> str:
    rows = (
        f'<td class="c{i}" title={chance.choice(_NAMES)}>{chance.choice(_WORDS)}</td><tr' for i in range(SIZE // 40)
    )
    return _cut("".join(rows))


def _mails(chance: random.Random) -> str:
    return _cut(" ".join(f"{chance.choice(_NAMES).lower()}{i}@host{i}.example," for i in range(SIZE // 20)))


def _cut(text: str) -> str:
    return (text * (SIZE // len(text) + 1))[:SIZE]


#: What each text is made of.
SHAPES: dict[str, Callable[[random.Random], str]] = {
    "prose with names": _prose,
    "log events": _logs,
    "digits": lambda chance: "".join(chance.choices("0123456789", k=SIZE)),
    "digits and blanks": lambda chance: "".join(chance.choices("0123456789 -", k=SIZE)),
    "base64": lambda chance: base64.b64encode(chance.randbytes(SIZE * 3 // 4)).decode(),
    "base64 of names, nested": lambda _: _nested("Anna Berger anna.berger@bank.example 4111 1111 1111 1111 "),
    "capitalised words": lambda chance: _cut(" ".join(chance.choices([w.title() for w in _WORDS], k=SIZE // 4))),
    "names only": lambda chance: _cut(" ".join(chance.choices(_NAMES, k=SIZE // 5))),
    "mail addresses": _mails,
    "html, never closed": _html,
    "quotes": lambda _: _cut("\"'`\\"),
    "escapes": lambda _: _cut("\\u0041%41&#65;=41"),
    "one word": lambda _: "a" * SIZE,
    "one capital word": lambda _: "A" + "b" * (SIZE - 1),
    "tokens of nobody": lambda _: _cut("PERSON_K7Q2XB EMAIL_K7Q2XB@a.example "),
    "zero width": lambda _: _cut("A\u200bn\u200bn\u200ba\u2060 "),
    "at signs": lambda _: _cut("a@"),
    "dots and colons": lambda _: _cut("1.1:a::"),
    "brackets of JSON": lambda _: "[" * SIZE,
    "keys without values": lambda _: _cut("password="),
    "lines": lambda _: "\n" * SIZE,
    "PEM that never ends": lambda _: _cut("-----BEGIN PRIVATE KEY-----\nMIIE"),
}


def _nested(text: str) -> str:
    for _ in range(4):
        text = base64.b64encode(text.encode() * (1 if len(text) > 1000 else 20)).decode()
    return _cut(f"{text} ")


def measure(limit: int | None = None) -> JsonObject:
    """Seconds for each text, and the most memory this process ever had."""
    collect_seldom()  # as workers do
    ours = Casemate("casemate", warm(open_masker(default_bundle())))
    seconds: dict[str, Json] = {}
    for name in list(SHAPES)[:limit]:
        text = SHAPES[name](random.Random(0))
        start = time.perf_counter()
        masked = ours.mask(text)
        seconds[name] = round(time.perf_counter() - start, 2)
        if not masked:
            raise SystemExit(f"Nothing is left of the text `{name}`.")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    slowest = max((value for value in seconds.values() if isinstance(value, float)), default=0.0)
    return {"characters": SIZE, "slowest_seconds": slowest, "seconds": seconds, "peak_rss_mb": round(peak)}


def in_own_process(limit: int | None) -> JsonObject:
    """The same, where neither Presidio's memory nor ours counts."""
    command = [sys.executable, "-m", "benchmarks._masking_hostile", *([str(limit)] if limit else [])]
    ran = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: JsonObject = json.loads(ran.stdout)
    return found


if __name__ == "__main__":
    from core.log import configure

    configure("error")
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else None)))
