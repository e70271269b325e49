"""The Celery application. Messages carry ids only; the one exception is a ticket that a foreign client hands in."""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.signals import setup_logging
from kombu import Queue

from core.settings import Settings
from workers import broker

#: Foreign clients send `casemate.submit_ticket` here.
INTAKE_QUEUE = "casemate.intake"
#: Doorbells between workers.
WORK_QUEUE = "casemate.work"
#: What a worker may be told to take. Hand-ins get a worker of their own where long steps must not hold them up.
QUEUES = {"intake": INTAKE_QUEUE, "work": WORK_QUEUE}
#: Task names are a contract with clients that only know Celery.
SUBMIT = "casemate.submit_ticket"
ADVANCE = "casemate.advance"
SWEEP = "casemate.sweep"
#: Seconds before Redis hands an unacknowledged ticket to another worker. Only hand-ins are acknowledged late.
VISIBILITY_SECONDS = 120


@setup_logging.connect(weak=False, dispatch_uid="casemate")  # type: ignore[untyped-decorator]
def _leave_logging_alone(**_ignored: Any) -> None:
    """Celery's own handlers would print the text of exceptions and the bodies of messages; `core.log` is in charge."""


def make_app(settings: Settings) -> Celery:
    """The application, configured for this process; connects to nothing yet."""
    app = Celery("casemate", broker=settings.bell_url, backend=_result_backend(settings), set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        result_accept_content=["json"],
        task_ignore_result=True,
        result_expires=3600,
        task_default_queue=WORK_QUEUE,
        task_queues=[Queue(INTAKE_QUEUE, routing_key=INTAKE_QUEUE), Queue(WORK_QUEUE, routing_key=WORK_QUEUE)],
        task_routes={SUBMIT: {"queue": INTAKE_QUEUE}, ADVANCE: {"queue": WORK_QUEUE}, SWEEP: {"queue": WORK_QUEUE}},
        task_acks_late=False,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options=_transport_options(settings),
        beat_schedule={"sweep": {"task": SWEEP, "schedule": settings.sweep_seconds, "options": {"expires": 60}}},
        beat_schedule_filename=str(settings.folder / "beat"),
        enable_utc=True,
        timezone="UTC",
    )
    if settings.embedded_broker:
        broker.install(settings.bell_url)
    return app


def _transport_options(settings: Settings) -> dict[str, Any]:
    if settings.embedded_broker:
        return {"connect_args": {"timeout": 30}}
    return {
        "visibility_timeout": VISIBILITY_SECONDS,
        # Look for abandoned messages every second: kombu's default makes that a hundred.
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        "socket_timeout": 30,
        "socket_connect_timeout": 10,
        "health_check_interval": 25,
    }


def _result_backend(settings: Settings) -> str:
    """Where clients find the answer to a hand-in. Answers hold ids only."""
    if settings.embedded_broker:
        return f"db+sqlite:///{settings.folder / 'results.db'}"
    return settings.bell_url
