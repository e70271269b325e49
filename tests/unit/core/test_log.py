"""Logs: nothing of a ticket passes, whoever logs it and however."""

from __future__ import annotations

import ast
import asyncio
import io
import json
import logging
import resource
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import Temporary
from core.ids import new_id
from core.log import configure, logger
from core.log_filter import FIELDS, make_record, scrub

CANARY = "Wilhelmina Quarterstaff"
ROOT = Path(__file__).parents[3]
#: Words that structlog and Python take for themselves.
NOT_FIELDS = {"exc_info", "stack_info"}


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """Everything logged while a test runs, at the most talkative level."""
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.raiseExceptions, logging.getLogRecordFactory())
    stream = io.StringIO()
    configure("debug", stream=stream)
    yield stream
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    logging.raiseExceptions = before[2]
    logging.setLogRecordFactory(before[3])


def fail() -> None:
    name = CANARY
    raise ValueError(f"no such person: {name}")


def caught() -> ValueError:
    try:
        fail()
    except ValueError as error:
        return error
    raise AssertionError


def lines(said: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.getvalue().splitlines()]


def test_fields_on_the_list_pass_as_they_are(said: io.StringIO) -> None:
    ticket = new_id("tkt")
    logger("workflows.journey").info("advanced", ticket_id=ticket, before="received", seconds=2)
    [line] = lines(said)
    assert (line["event"], line["ticket_id"], line["before"], line["seconds"]) == ("advanced", ticket, "received", 2)
    assert line["level"] == "info"


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": CANARY},
        {"ticket": {"title": CANARY}},
        {"state": CANARY},
        {"ticket_id": CANARY},
        {"field": CANARY},
        {"error": ValueError(CANARY)},
        {"trouble": ValueError(CANARY)},
        {"seconds": 4111111111111111},
        {CANARY: 1},
        {"names": [CANARY]},
    ],
)
def test_whatever_is_not_on_the_list_shows_its_type_alone(said: io.StringIO, fields: dict[str, Any]) -> None:
    logger("x").error("odd", **fields)
    assert CANARY not in said.getvalue()
    assert "4111" not in said.getvalue()
    assert len(lines(said)) == 1


def test_an_event_that_is_no_name_is_not_said(said: io.StringIO) -> None:
    logger("x").error(f"lost {CANARY}")
    assert CANARY not in said.getvalue()


def test_our_own_exception_shows_type_and_place(said: io.StringIO) -> None:
    try:
        fail()
    except ValueError:
        logger("x").exception("broke")
    [line] = lines(said)
    assert line["error"] == "ValueError"
    assert line["at"].startswith("core/test_log.py:")
    assert CANARY not in said.getvalue()


@pytest.mark.parametrize(
    ("sentence", "hidden"),
    [
        ("Mail to kay.quarterstaff@harbourbank.example is lost.", "quarterstaff"),
        ("The card 4111 1111 1111 1111 is refused.", "1111"),
        ("The key AKIAQ3EGRDXK2M7T5WZB is refused.", "AKIA"),
        ("The host 10.20.14.31 is away.", "10.20"),
        ("The endpoint http://kay:hunter22@127.0.0.1:8621/v1 does not answer.", "hunter22"),
        ("Account DE89 3704 0044 0532 0130 00 is unknown.", "3704"),
    ],
)
def test_values_of_known_forms_are_taken_out_of_sentences(sentence: str, hidden: str) -> None:
    assert hidden not in scrub(sentence)
    assert scrub(sentence).split()[0] == sentence.split(maxsplit=1)[0]


def test_sentences_of_ours_stay_readable(said: io.StringIO) -> None:
    sentence = "The model endpoint http://127.0.0.1:8621/v1 answered 503; check that it is healthy."
    logger("x").error("waits", trouble=str(Temporary(sentence)))
    assert lines(said)[0]["trouble"] == sentence


def library(name: str = "some.library") -> logging.Logger:
    return logging.getLogger(name)


def test_a_library_shows_its_constant_words_and_the_types_of_what_it_adds(said: io.StringIO) -> None:
    library().warning("Message %s refused after %d tries", CANARY, 3)
    [line] = lines(said)
    assert line["message"] == "Message <str> refused after 3 tries"
    assert line["logger"] == "some.library"


@pytest.mark.parametrize(
    "message",
    [f"body was {CANARY}", ValueError(CANARY), {"body": CANARY}, [CANARY]],
    ids=["put together", "exception", "object", "list"],
)
def test_a_library_message_that_is_not_constant_is_not_said(said: io.StringIO, message: Any) -> None:
    library().error(message)
    assert CANARY not in said.getvalue()
    assert lines(said)[0]["at"].startswith("core/test_log.py:")


def test_a_library_exception_shows_type_and_place(said: io.StringIO) -> None:
    library("uvicorn.error").error("Exception in ASGI application\n", exc_info=caught())
    [line] = lines(said)
    assert (line["error"], line["message"]) == ("ValueError", "Exception in ASGI application")
    assert CANARY not in said.getvalue()


def test_a_message_that_cannot_be_formatted_does_not_print_its_arguments(
    said: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    library().error("%d of %d", CANARY)
    assert CANARY not in said.getvalue() + "".join(capsys.readouterr())


def test_a_handler_that_a_library_adds_gets_no_more(said: io.StringIO) -> None:
    own = io.StringIO()
    handler = logging.StreamHandler(own)
    library().addHandler(handler)
    try:
        library().error("failed for %s", CANARY, exc_info=caught(), stack_info=True)
    finally:
        library().removeHandler(handler)
    assert own.getvalue() == "failed for <str>\n"


@pytest.mark.parametrize("name", ["httpx", "httpcore", "httpx2", "openai", "openai._base_client", "kombu", "celery"])
def test_debug_of_libraries_does_not_pass_even_when_somebody_asks_for_it(said: io.StringIO, name: str) -> None:
    noisy = logging.getLogger(name)
    before = noisy.level
    noisy.setLevel(logging.DEBUG)
    try:
        noisy.debug("Request options: %s", {"json_data": CANARY})
        noisy.info("HTTP Request: POST %s", CANARY)
    finally:
        noisy.setLevel(before)
    assert said.getvalue() == ""


@pytest.mark.parametrize("name", ["autogen_core", "autogen_core.events", "autogen_agentchat.events", "google_adk.x"])
def test_frameworks_say_nothing_at_all(said: io.StringIO, name: str) -> None:
    logging.getLogger(name).critical("Error processing message %s", CANARY)
    assert said.getvalue() == ""


def test_a_task_whose_exception_nobody_fetched_shows_its_type(said: io.StringIO) -> None:
    async def main() -> None:
        async def broken() -> None:
            fail()

        task = asyncio.ensure_future(broken())
        await asyncio.wait({task})
        loop = asyncio.get_running_loop()
        loop.call_exception_handler({"message": "never retrieved", "exception": task.exception(), "task": task})

    asyncio.run(main())
    [line] = lines(said)
    assert (line["logger"], line["error"]) == ("asyncio", "ValueError")
    assert CANARY not in said.getvalue()


def test_last_words_of_a_process_name_type_and_place_and_leave_no_core() -> None:
    script = textwrap.dedent(
        f"""
        import resource, threading, warnings
        from core.process import settle
        settle("debug")
        print(resource.getrlimit(resource.RLIMIT_CORE))
        def fail():
            name = {CANARY!r}
            raise ValueError(name)
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        class Odd:
            def __del__(self): fail()
        Odd()
        warnings.warn({CANARY!r})
        fail()
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "Quarterstaff" not in done.stdout + done.stderr
    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert events == ["thread_died", "unraisable", "python_warning", "process_died"]
    assert done.stdout.strip() == "(1, 1)"
    assert resource.getrlimit(resource.RLIMIT_CORE) != (1, 1), "only the child was changed"


def test_every_field_that_casemate_logs_is_on_the_list() -> None:
    used = {
        keyword.arg
        for folder in ("core", "workers", "workflows", "agents", "gateway", "tools", "cli", "policies", "serving")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "log"
        and node.func.attr in {"debug", "info", "warning", "error", "exception"}
        for keyword in node.keywords
    }
    assert len(used) > 10
    assert used - NOT_FIELDS <= set(FIELDS)


def test_the_record_factory_is_what_makes_the_difference() -> None:
    plain = logging.LogRecord("x", logging.ERROR, __file__, 1, "for %s", (CANARY,), None, "f")
    assert CANARY in plain.getMessage()
    assert CANARY not in make_record("x", logging.ERROR, __file__, 1, "for %s", (CANARY,), None, "f").getMessage()
