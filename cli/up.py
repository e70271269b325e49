"""`casemate up`: gateway, worker, beat, network broker and playbook server on this machine, together."""

from __future__ import annotations

import hashlib
import json
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cli.processes import Crew
from core.errors import CasemateError
from core.settings import PLAYBOOK, Settings

if TYPE_CHECKING:
    from core.store.engine import Store

#: Seconds until everything must answer; the masker alone takes ten on a slow machine.
READY_SECONDS = 180.0
#: Seconds between two looks at the processes.
LOOK = 1.0
#: Roles of the key that `up` makes for this machine's own use.
LOCAL_ROLES = ["submitter", "analyst", "approver", "auditor", "admin", "soc-lead"]


class Occupied(CasemateError):
    """A port that something else listens on."""


@contextmanager
def running(settings: Settings, store: Store, *, record: Path | None = None, broker: bool = False) -> Iterator[Crew]:
    """All processes, ready when the block begins and stopped when it ends. `record` keeps every model request.

    With `broker`, tools may ask outside what policy permits; nothing waits for it to be ready.

    Raises:
        NotHealthy: one of them did not get ready; all are stopped.
        Occupied: a port is taken.
    """
    env = environment(settings)
    check_free(settings.http_host, settings.http_port)
    started = store.clock.now()
    with Crew(settings.folder / "logs") as crew:
        if serves_itself(settings):
            start_model(crew, settings.model_url, record=record)
        crew.start("gateway", "gateway", env=env)
        crew.start("worker", "worker", env=env)
        crew.start("beat", "beat", env=env)
        if broker:
            crew.start("broker", "broker", env=env)
        if serves_itself(settings):
            await_model(crew, settings.model_url)
        ready = f"http://{settings.http_host}:{settings.http_port}/readyz"
        crew.wait_for(lambda: answers(ready), what="gateway", seconds=READY_SECONDS)
        crew.wait_for(lambda: worker_since(store, started), what="worker", seconds=READY_SECONDS)
        crew.check()
        yield crew


@contextmanager
def local_model(settings: Settings) -> Iterator[None]:
    """A playbook server for the life of the block, unless the endpoint is somebody else's or is up already."""
    if not serves_itself(settings) or answers(_health(settings.model_url)):
        yield
        return
    with Crew(settings.folder / "logs") as crew:
        start_model(crew, settings.model_url)
        await_model(crew, settings.model_url)
        yield


def start_model(crew: Crew, url: str, *, record: Path | None = None) -> None:
    """Start the playbook server where `url` says.

    Raises:
        Occupied: something else listens there.
    """
    model = urlsplit(url)
    host, port = model.hostname or "127.0.0.1", model.port or 80
    check_free(host, port)
    recording = ["--record", str(record)] if record else []
    crew.start("model", "serve", "playbook", "--host", host, "--port", str(port), *recording, env={}, trusted=False)


def await_model(crew: Crew, url: str) -> None:
    """Wait until the playbook server answers."""
    crew.wait_for(lambda: answers(_health(url)), what="model server", seconds=READY_SECONDS)


def _health(url: str) -> str:
    model = urlsplit(url)
    return f"{model.scheme}://{model.netloc}/healthz"


def environment(settings: Settings) -> dict[str, str]:
    """What the children get besides our own environment."""
    env = {
        "CASEMATE_HOME": str(settings.folder),
        "CASEMATE_MODEL_URL": settings.model_url,
        "CASEMATE_HTTP_HOST": settings.http_host,
        "CASEMATE_HTTP_PORT": str(settings.http_port),
        "CASEMATE_FRAMEWORK": settings.framework.value,
    }
    if not settings.api_keys:
        digest = hashlib.sha256(local_key(settings.folder).encode()).hexdigest()
        env["CASEMATE_API_KEYS"] = json.dumps({"local": {"key_sha256": digest, "roles": LOCAL_ROLES}})
    return env


def local_key(folder: Path) -> str:
    """The API key of this machine's own use, made at the first start and readable by its owner only."""
    path = folder / "api-key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32) + "\n")
    return path.read_text().strip()


def serves_itself(settings: Settings) -> bool:
    """True for the playbook model on this machine: any other model, and any other place, is somebody else's to run."""
    url = urlsplit(settings.model_url)
    here = url.hostname in {"127.0.0.1", "localhost", "::1"} and url.path.rstrip("/") == "/v1"
    return here and settings.model_name == PLAYBOOK.name


def check_free(host: str, port: int) -> None:
    """Raises:
    Occupied: something listens there already.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Occupied(
                f"Port {port} of {host} cannot be used ({error.strerror}); stop what listens there, or set "
                "CASEMATE_HTTP_PORT or CASEMATE_MODEL_URL to another."
            ) from None


def port_near(preferred: int) -> int:
    """The preferred port if nobody listens there, else any free one."""
    try:
        check_free("127.0.0.1", preferred)
    except Occupied:
        return free_port()
    return preferred


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(url: str) -> bool:
    """Whether a GET succeeds within two seconds."""
    import httpx2

    try:
        return httpx2.get(url, timeout=2, trust_env=False).is_success
    except httpx2.HTTPError:
        return False


def worker_since(store: Store, moment: datetime) -> bool:
    """Whether a worker has shown a sign of life since `moment`."""
    with store.read() as tx:
        return any(process["kind"] == "worker" for process in tx.operations.alive(since=moment))


def welcome(settings: Settings, store: Store) -> list[str]:
    """How to sign in to the console, where nobody has an account yet: a link that is printed this once."""
    from workflows import people

    secret = people.first_admin(store, actor="up", reserved=settings.api_keys)
    if secret is None:
        return []
    name = people.FIRST_ADMIN
    return [
        f"Sign in: {people.sign_in_url(settings, secret)}",
        f"         as {name}, once and within an hour; another link: casemate user link {name}",
    ]


def run(settings: Settings) -> None:
    """Start everything and keep it until Ctrl-C or SIGTERM."""
    import signal

    from cli.output import say
    from workers.wiring import open_store
    from workflows import people

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    store = open_store(settings)
    try:
        say("Starting gateway, worker, beat, network broker and model server …")
        with running(settings, store, broker=True) as crew:
            say(f"Gateway: http://{settings.http_host}:{settings.http_port} (key in {settings.folder / 'api-key'})")
            say(f"Console: {people.console_url(settings)}/")
            for line in welcome(settings, store):
                print(line)
            say(f"Model:   {settings.model_url}")
            say(f"Logs:    {settings.folder / 'logs'}")
            say("Ready. Try: casemate ticket submit FILE --wait. Ctrl-C stops everything.")
            while True:
                crew.check()
                time.sleep(LOOK)
    except KeyboardInterrupt:
        say("Stopped.")
    finally:
        store.close()
