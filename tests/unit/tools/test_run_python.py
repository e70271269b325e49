"""run_python: what code may do, what it is told when it may not, and that it never holds an original."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.canonical import JsonObject
from core.errors import ToolRefused
from tests.bundles import DRILL, loaded, write_bundle
from tests.unit.tools.house import House
from tools.inputs import prepare
from tools.investigate import run_python
from tools.investigate.values import Size, plain
from tools.limits import Limits
from tools.registry import default_registry
from tools.runner import Runner
from tools.sandbox.sandbox import Sandbox

MakeHouse = Callable[..., House]
TOOL = default_registry().get("run_python")
TICKET = {"title": "T", "body": "b", "fields": {"events": [{"n": 1}, {"n": 2}]}, "reporter": None}
FILES = [{"name": "a.txt", "size": 3, "text": "abc"}, {"name": "b.bin", "size": 1, "text": None}]
NAMES: JsonObject = {
    "body": "Anna Lindqvist signed in.",
    "fields": {"events": [{"user": "anna.lindqvist", "ok": True}, {"user": "erik.dahl", "ok": False}]},
    "attachments": {"note.txt": b"Anna Lindqvist called.", "blob.bin": b"\x00\x01"},
}


async def ran(sandbox: Sandbox, code: str, limits: Limits = TOOL.limits) -> JsonObject:
    """The checked result, through the real sandbox."""
    inputs = {"masked_ticket": TICKET, "masked_files": FILES}
    return await Runner(sandbox=sandbox).run(replace(TOOL, limits=limits), {"code": code}, inputs)


async def test_prints_and_the_last_value_come_back(sandbox: Sandbox) -> None:
    result = await ran(
        sandbox, "for e in events:\n    print(e['n'])\nprint('end', end='')\n{'sum': sum(e['n'] for e in events)}"
    )
    assert result["facts"] == {"ok": True, "error": "", "lines": 3}
    assert result["detail"] == {"output": "1\n2\nend", "value": {"sum": 3}}


@pytest.mark.parametrize(
    ("code", "value"),
    [
        (
            "ticket['title'], [f.name for f in files], files[0].text, files[1].text",
            ["T", ["a.txt", "b.bin"], "abc", None],
        ),
        ("sql('SELECT sum(n) AS s FROM events')[0]['s']", 3),
        ("import duckdb\nduckdb.sql('SELECT 42').fetchall()", [[42]]),
        ("import statistics, re\nstatistics.mean([1, 2])", 1.5),
        ("x = 1", None),
        ("float('nan')", "nan"),
        ("10 ** 20", "100000000000000000000"),
        ("import sys\nprint('a')\nsys.exit()", None),
        ("# nothing", None),
    ],
)
async def test_code_that_works(sandbox: Sandbox, code: str, value: Any) -> None:
    result = await ran(sandbox, code)
    assert result["facts"]["ok"] is True, result["facts"]["error"]
    assert result["detail"]["value"] == value


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("x = 1\ndef f(:", "line 2: SyntaxError: invalid syntax"),
        ("x = [\n 1]\n\nx[9]", "line 4: IndexError: list index out of range"),
        ("def f():\n    raise ValueError('a\\nb')\nf()", "line 2: ValueError: a b"),
        ("import sys\nsys.exit('no more')", "line 2: SystemExit: no more"),
        ("raise KeyboardInterrupt", "line 1: KeyboardInterrupt"),
        ("class E(Exception):\n  def __str__(self): raise ValueError\nraise E", "line 3: E"),
        ("def f(): return f()\nf()", "line 1: RecursionError: maximum recursion depth exceeded"),
        ("'a' * 10**10", "line 1: MemoryError"),
        ("input()", "line 1: EOFError: EOF when reading a line"),
        ("import os\nos.fork()", "line 2: PermissionError: [Errno 1] Operation not permitted"),
        ("import subprocess\nsubprocess.run(['ls'])", "line 2: PermissionError: [Errno 1] Operation not permitted"),
        ("import threading\nthreading.Thread(target=print).start()", "line 2: RuntimeError: can't start new thread"),
        ("import socket\nsocket.socket()", "line 2: PermissionError: [Errno 1] Operation not permitted"),
        ("open('/etc/passwd')", "line 1: FileNotFoundError: [Errno 2] No such file or directory: '/etc/passwd'"),
        ("import os\nos.kill(os.getppid(), 9)", "line 2: PermissionError: [Errno 1] Operation not permitted"),
        ("from tools import outside\noutside.ask('dns', name='a.example')",
         "line 2: NotAnswered: This tool may not ask anything outside."),
        ("sql('DROP TABLE events')", "line 1: InputRefused: Send exactly one SELECT statement."),
        ("import pandas", "line 1: ModuleNotFoundError: No module named 'pandas'"),
    ],
)  # fmt: skip
async def test_what_stops_code_is_told_in_one_line_with_its_number(sandbox: Sandbox, code: str, error: str) -> None:
    facts = (await ran(sandbox, f"print('before')\n{code}"))["facts"]
    number, colon, rest = error.removeprefix("line ").partition(":")
    assert facts["error"] == f"line {int(number) + 1}{colon}{rest}"
    assert facts["ok"] is False
    # A syntax error is found before anything runs.
    assert facts["lines"] == (0 if "Syntax" in error else 1)


async def test_much_output_and_a_large_value_are_cut_with_a_mark(sandbox: Sandbox) -> None:
    result = await ran(sandbox, "print('x' * 10**7)\nlist(range(10**6))")
    assert result["detail"]["output"].endswith("… [cut: 9980001 more characters]")
    assert result["detail"]["value"][-1] == f"… [cut: {10**6 - 500} more]"
    assert len(json.dumps(result)) < 40_000


async def test_code_without_end_is_killed_and_the_next_call_is_not_affected(sandbox: Sandbox) -> None:
    stubborn = "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile True: pass"
    with pytest.raises(ToolRefused, match="longer than 1 seconds"):
        await ran(sandbox, stubborn, Limits(seconds=1.0, cpu_seconds=15))
    assert (await ran(sandbox, "1"))["detail"]["value"] == 1


async def test_a_crash_of_the_interpreter_is_an_honest_refusal(sandbox: Sandbox) -> None:
    crash = "import ctypes\nctypes.string_at(0)"
    with pytest.raises(ToolRefused, match="treat its result as unknown"):
        await ran(sandbox, crash)


async def test_nothing_of_one_call_is_there_in_the_next(sandbox: Sandbox) -> None:
    await ran(sandbox, "import builtins\nbuiltins.left = 1\nx = 2")
    result = await ran(sandbox, "import builtins\n'x' in globals(), hasattr(builtins, 'left')")
    assert result["detail"]["value"] == [False, False]


async def test_a_forged_answer_is_still_checked_outside(sandbox: Sandbox) -> None:
    forged = 'import json\njson.dumps = lambda *a, **k: \'{"result": {"summary": 1, "facts": {}, "detail": {}}}\''
    with pytest.raises(ToolRefused, match="wrong shape"):
        await ran(sandbox, forged)


def test_code_that_takes_long_is_stopped_with_what_it_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_python, "SECONDS", 0.05)
    before = signal.getsignal(signal.SIGALRM)
    code = "print('begun')\nwhile True:\n    try:\n        pass\n    except Exception:\n        pass"
    result = run_python.run({"code": code}, {"masked_ticket": TICKET, "masked_files": []})
    assert result["facts"]["error"].endswith("stopped after 0.05 seconds")
    assert result["detail"]["output"] == "begun\n"
    assert signal.getsignal(signal.SIGALRM) is before


async def test_code_sees_tokens_and_a_token_in_the_code_is_the_token_in_the_data(house: MakeHouse) -> None:
    made = house(**NAMES)
    gate = made.gate()
    await gate.open()
    rows = made.case.masked.fields["events"]
    assert rows[0]["user"] != "anna.lindqvist"
    found = f"[e['ok'] for e in events if e['user'] == '{rows[0]['user']}']"
    code = f"{found}, events[0]['user'], ticket['body'], files[0].text"
    told = await gate.call("run_python", {"code": code}, agent="investigator")
    assert told["detail"]["value"] == [
        [True], rows[0]["user"], made.case.masked.body, made.session.mask_text("Anna Lindqvist called."),
    ]  # fmt: skip
    assert told["trust"] == "untrusted"


@pytest.mark.parametrize(
    "code",
    [
        "ticket['body'][::-1], events[0]['user'][::-1]",
        "[ord(c) for c in ticket['body'] + events[0]['user'] + files[0].text]",
        "import base64\nbase64.b85encode(str([ticket, events, [f.text for f in files]]).encode()).decode()",
    ],
)
async def test_no_transformation_gives_an_original_away(house: MakeHouse, code: str) -> None:
    made = house(**NAMES)
    given = prepare(
        TOOL, {"code": code}, case=made.case, bundle=made.bundle, store=made.store, mask=made.session.mask_json
    )
    assert "indqvist" not in json.dumps(given)
    gate = made.gate()
    await gate.open()
    told = json.dumps(await gate.call("run_python", {"code": code}, agent="investigator"))
    for original in ("Lindqvist", "lindqvist"):
        assert original[::-1] not in told
        assert str([ord(c) for c in original])[1:-1] not in told


def test_whoever_cannot_mask_cannot_prepare_it(house: MakeHouse) -> None:
    made = house(**NAMES)
    with pytest.raises(ValueError, match="able to mask"):
        prepare(TOOL, {"code": "1"}, case=made.case, bundle=made.bundle, store=made.store)


async def test_what_code_says_is_no_source_of_a_value(house: MakeHouse) -> None:
    """Else a team could make up an address, have code print it, and act on it as found."""
    made = house(**NAMES)
    gate = made.gate()
    await gate.open()
    told = await gate.call("run_python", {"code": "'http://made-up.example/?words'"}, agent="investigator")
    await gate.call("inspect_url", {"url": "http://made-up.example/?words"}, agent="investigator")
    assert told["detail"]["value"] == "http://made-up.example/?words"
    with made.store.read() as tx:
        asked = next(e for e in tx.decisions.of(made.case.ticket_id) if e.tool == "inspect_url")
    assert asked.facts["args"]["url"]["sources"] == []


async def test_policy_decides_on_it_by_name(house: MakeHouse, tmp_path: Path) -> None:
    rule = DRILL.format(id="no-code", tool="run_python", kind="phishing")
    made = house(**NAMES)
    gate = made.gate(bundle=loaded(write_bundle(tmp_path / "bundle", rules=rule)))
    await gate.open()
    told = await gate.call("run_python", {"code": "1"}, agent="investigator")
    assert told["error"].startswith("Policy does not allow run_python here")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": {1}, 2: (b"ab",)}, {"a": [1], "2": ["6162"]}),
        (b"\x01" * 600, "01" * 500 + "… [cut: 200 more characters]"),
        (list(range(60)), [*range(50), "… [cut: 10 more]"]),
        ({n: n for n in range(51)}, {**{str(n): n for n in range(50)}, "…": "… [cut: 1 more]"}),
        (object, "<class 'object'>"),
    ],
)
def test_any_value_becomes_plain(value: Any, shown: Any) -> None:
    assert plain(value) == shown


def test_an_integer_too_long_to_write_out_is_shown_in_another_base() -> None:
    assert plain(10**5000).startswith("0x31e20")


def test_deep_nesting_ends_in_text() -> None:
    value: Any = 1
    for _ in range(30):
        value = [value]
    assert plain(value, Size(depth=3)) == [[["[" * 27 + "1" + "]" * 27]]]
