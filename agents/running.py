"""Runs one course on one framework within its budget, and turns whatever ended it into a result or an error of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from agents.certainty import probabilities
from agents.course import Course
from agents.meter import BudgetSpent, Meter, RequestRefused, metered
from agents.model import ModelClients
from agents.spec import TeamSpec
from agents.team import Brief, TeamResult, Toolbox
from core.errors import ModelUnavailable

#: Moves a course to its end on some framework.
Drive = Callable[[Course], Awaitable[None]]


async def run_course(
    spec: TeamSpec, framework: str, brief: Brief, toolbox: Toolbox, drive: Drive, *, clients: ModelClients
) -> TeamResult:
    """Drive a course to its end; `Team.run` says what may be raised."""
    course = Course(spec, brief, toolbox)
    with metered(spec.budget.model_requests, seconds=spec.budget.seconds, turn=lambda: course.turn) as meter:
        try:
            await asyncio.wait_for(drive(course), spec.budget.seconds)
        except TimeoutError:
            _out_of_time(course, meter)
        except Exception as error:  # noqa: BLE001 - the outermost handler of a run
            # Frameworks wrap and reword what happened; the meter holds the failure itself.
            if meter.failure is None:
                course.stop(f"The team broke off ({type(error).__name__}); a person must look at this ticket.")
        if meter.failure is None and course.is_assessed:
            await _weigh(course, meter, clients)
    if isinstance(meter.failure, BudgetSpent | RequestRefused):
        course.stop(str(meter.failure))
    elif meter.failure is not None:
        raise meter.failure
    if meter.fitting.shortened:
        course.remark(
            f"{meter.fitting.shortened} tool results were shortened to their summaries, so that the requests fit into "
            "the model's context window."
        )
    return course.result(
        framework=framework, requests=meter.requests, tokens_in=meter.tokens_in, tokens_out=meter.tokens_out
    )


async def _weigh(course: Course, meter: Meter, clients: ModelClients) -> None:
    """Take the probability of the verdict for its confidence, where the endpoint tells one within the run's time."""
    try:
        weighed = await asyncio.wait_for(probabilities(clients, meter), meter.seconds_left)
    except TimeoutError:
        return
    if weighed is not None:
        course.weigh(weighed)


def _out_of_time(course: Course, meter: Meter) -> None:
    seconds = course.spec.budget.seconds
    if meter.failure is None and meter.answers == 0:
        raise ModelUnavailable(f"The model gave no answer in {seconds:g} seconds; check that the endpoint is healthy.")
    course.stop(f"The team ran out of its {seconds:g} seconds; a person must look at this ticket.")
