"""Analysis code that an agent wrote, run over what the agent may see of the ticket.

The code gets masked data, so a token in the code equals the same token in the data, and nothing the code computes can
hold an original. It runs in the process that answers, so it could answer anything: its result is never trusted, and
what it may reach is what the sandbox lets it reach.
"""

from __future__ import annotations

import ast
import contextlib
import io
import signal
from collections.abc import Iterator
from types import CodeType, FrameType, SimpleNamespace, TracebackType
from typing import Annotated, Any, NoReturn, TypedDict

from pydantic import Field

from tools.investigate.answer import Object, answer, clip, plural
from tools.investigate.search_logs import table
from tools.investigate.ticket_text import events
from tools.investigate.values import Size, plain
from tools.limits import Limits
from tools.tool import ToolArguments, ToolFacts, tool

#: Characters of one program.
MAX_CODE = 20_000
#: Characters of what it printed.
MAX_OUTPUT = 20_000
#: Characters of the value and of an error.
MAX_VALUE, MAX_ERROR = 15_000, 500
#: Rows that one query of the code gives.
MAX_ROWS = 20_000
#: Seconds after which the code is stopped with what it has printed; the sandbox kills it later, if need be.
SECONDS = 10.0
LIMITS = Limits(seconds=20, cpu_seconds=15)
#: What tracebacks call the code.
NAME = "<code>"
#: How the value of the last expression is cut down until it is short enough.
SIZES = (Size(text=4_000, items=500), Size(text=1_000, items=100), Size(text=200, items=20), Size(text=50, items=5))


class Arguments(ToolArguments):
    code: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_CODE,
            description="Python 3, standard library and duckdb. Variables: `events` (list of dicts), `ticket` (title, "
            "body, fields, reporter), `files` (name, size, text), `sql(query)` over `events` and `flat`. "
            "What it prints and the value of its last expression come back.",
        ),
    ]


class Facts(ToolFacts):
    ok: bool = Field(description="It ran to its end.")
    error: str = Field(description="What stopped it, in one line with the number of the line; empty when nothing did.")
    lines: int = Field(description="Lines that it printed.")


class Detail(TypedDict):
    """What it printed, and the value of its last expression as JSON."""

    output: str
    value: Any


@tool(
    "Run Python analysis code over the ticket's masked data in the sandbox: standard library and DuckDB, no network.",
    arguments=Arguments,
    facts=Facts,
    detail=Detail,
    needs=["masked_ticket", "masked_files"],
    limits=LIMITS,
    imports=["duckdb"],
)
def run(arguments: Object, inputs: Object) -> Object:
    """Whatever the code does, what it had printed by then is told."""
    printed = Printed()
    value, error = None, ""
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), _stopped_after(SECONDS):
            value = _short(_evaluated(arguments["code"], _variables(inputs)))
    except BaseException as stop:  # noqa: BLE001 - code may raise anything, sys.exit and its own kinds included
        error = _told(stop)
    output = printed.text()
    facts = {"ok": not error, "error": error, "lines": printed.lines}
    return answer(_sentence(facts, value), facts, {"output": output, "value": value})


class Printed(io.TextIOBase):
    """Keeps the beginning of what is printed, and counts the rest."""

    def __init__(self) -> None:
        self._kept: list[str] = []
        self._length = 0
        self._ends = 0
        self._last = "\n"

    def write(self, text: str) -> int:
        self._ends += text.count("\n")
        self._last = text[-1:] or self._last
        if self._length < MAX_OUTPUT:
            self._kept.append(text[: MAX_OUTPUT - self._length])
        self._length += len(text)
        return len(text)

    @property
    def lines(self) -> int:
        return self._ends + (self._last != "\n")

    def text(self) -> str:
        kept = "".join(self._kept)
        more = self._length - len(kept)
        return kept + (f"… [cut: {more} more characters]" if more else "")


class TimeIsUp(BaseException):
    """Not an Exception, so that code which catches those does not go on."""


@contextlib.contextmanager
def _stopped_after(seconds: float) -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise TimeIsUp

    before = signal.signal(signal.SIGALRM, stop)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *timer)


def _variables(inputs: Object) -> Object:
    ticket = inputs["masked_ticket"]
    rows = events(ticket["fields"])
    return {
        "__name__": "__main__",
        "ticket": ticket,
        "events": rows,
        "files": [SimpleNamespace(**file) for file in inputs["masked_files"]],
        "sql": lambda query: _rows(rows, query),
    }


def _rows(rows: list[Object], query: str) -> list[Object]:
    columns, found = table(rows, query, MAX_ROWS)
    return [dict(zip(columns, row, strict=True)) for row in found]


def _evaluated(code: str, variables: Object) -> Any:
    """The value of the last expression; None when the code ends otherwise."""
    body, last = _parts(code)
    exec(body, variables)  # noqa: S102 - what this tool is for; the sandbox holds it
    return eval(last, variables) if last is not None else None  # noqa: S307


def _parts(code: str) -> tuple[CodeType, CodeType | None]:
    tree = ast.parse(code, NAME)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    value = compile(ast.Expression(last.value), NAME, "eval") if isinstance(last, ast.Expr) else None
    return compile(tree, NAME, "exec"), value


def _short(value: Any) -> Any:
    """The value as JSON, cut until it is short enough."""
    for size in SIZES:
        shown = plain(value, size)
        if len(str(shown)) <= MAX_VALUE:
            return shown
    return clip(str(shown), MAX_VALUE)


def _told(stop: BaseException) -> str:
    """One line: where it stopped, and why."""
    if isinstance(stop, SyntaxError) and stop.filename == NAME:
        return clip(f"line {stop.lineno}: {type(stop).__name__}: {stop.msg}", MAX_ERROR)
    line = _line(stop.__traceback__)
    where = f"line {line}: " if line else ""
    if isinstance(stop, TimeIsUp):
        return f"{where}stopped after {SECONDS:g} seconds"
    if isinstance(stop, SystemExit):
        # Ending early is no mistake unless the code says so.
        return "" if stop.code in {None, 0} else clip(f"{where}SystemExit: {_said(stop.code)}", MAX_ERROR)
    said = _said(stop)
    return clip(f"{where}{type(stop).__name__}" + (f": {said}" if said else ""), MAX_ERROR)


def _said(stop: object) -> str:
    """What an exception says of itself, on one line; its text is the code's own doing and may fail as well."""
    try:
        return " ".join(str(stop)[:MAX_ERROR].split())
    except Exception:  # noqa: BLE001
        return ""


def _line(trace: TracebackType | None) -> int:
    """The innermost line of the code itself."""
    found = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == NAME:
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def _sentence(facts: Object, value: Any) -> str:
    printed = plural(facts["lines"], "line") + " printed"
    if not facts["ok"]:
        return (
            f"The code stopped at {facts['error']}; {printed}." if facts["error"] else f"The code stopped; {printed}."
        )
    return f"The code ran: {printed}" + ("." if value is None else ", and a value.")
