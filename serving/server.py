"""Runs the process of a model server: it answers probes at once, loads the model beside them, and ends in order."""

from __future__ import annotations

import dataclasses
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn
from transformers.utils.logging import disable_progress_bar

from core.log import logger
from core.process import settle
from serving.admission import Admission
from serving.app import create_app
from serving.engine import Engine, EngineConfig
from serving.errors import EngineFailed, ModelNotUsable
from serving.keys import Keys
from serving.loading import Loaded, ModelSpec, load
from serving.parts import Model, Parts
from serving.shapes import Shapes

#: Seconds that running requests get to end after SIGTERM; what is left then is cut off.
DRAIN_SECONDS = 60
#: Seconds an idle connection stays open: longer than clients keep theirs, so that none is closed under a request.
KEEP_ALIVE_SECONDS = 75
#: Seconds that a load under way may hold up the end of the process.
LOAD_GRACE = 5.0

log = logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerConfig:
    """How to serve.

    Attributes:
        max_queue: requests that may wait for a slot; more are sent away with 429.
        max_answer: tokens of an answer whose request names no number.
        temperature: of an answer whose request names none; 0 is greedy.
        name: what clients call the model; None: the last part of its path.
        context: tokens that prompt and answer may have together; None: what the model was built for.
    """

    host: str
    port: int
    max_queue: int
    max_answer: int
    temperature: float = 0.0
    api_key_file: Path | None = None
    name: str | None = None
    context: int | None = None


def serve(spec: ModelSpec, engine: EngineConfig, config: ServerConfig) -> None:
    """Serve until told to stop; requests that run are then finished.

    Raises:
        KeysNotUsable: the file of API keys.
        ModelNotUsable: the model cannot be served as asked.
        EngineFailed: the engine broke and could not be built again.
    """
    keys = None if config.api_key_file is None else Keys(config.api_key_file)
    settle("info")
    parts = Parts(
        admission=Admission(slots=engine.max_concurrency, queue=config.max_queue),
        max_answer=config.max_answer,
        temperature=config.temperature,
        keys=keys,
    )
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(parts),
            host=config.host,
            port=config.port,
            # Its own handlers would print exceptions with their text.
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
    )

    def stop() -> None:
        server.should_exit = True

    parts.on_failure = stop
    # uvicorn raises the signal that ended it once more when it is done; the model is still to be closed then.
    signal.signal(signal.SIGTERM, _done_already)
    loading = _Loading(parts, spec, engine, config, failed=stop)
    loading.start()
    try:
        server.run()
        failure = parts.failure  # before closing, which is no failure
    finally:
        loading.close()
    if loading.error is not None:
        raise loading.error
    if failure is not None:
        raise EngineFailed(failure)


class _Loading(threading.Thread):
    """Loads and warms the model while the server already answers probes."""

    def __init__(
        self, parts: Parts, spec: ModelSpec, engine: EngineConfig, config: ServerConfig, *, failed: Callable[[], None]
    ) -> None:
        super().__init__(name="loading", daemon=True)
        self._parts = parts
        self._spec = spec
        self._engine = engine
        self._config = config
        self._failed = failed
        #: Why there will be no model.
        self.error: Exception | None = None

    def run(self) -> None:
        """Load, warm up, and let requests in; or end the server."""
        began = time.monotonic()
        disable_progress_bar()  # the log has one event a line
        try:
            loaded = _named(load(self._spec), self._config)
            shapes = Shapes(loaded.tokenizer, vocab_size=loaded.vocab_size, stop_token_ids=loaded.stop_token_ids)
            engine = Engine(loaded, self._engine, shapes)
            engine.start()
        except Exception as error:  # noqa: BLE001 - handed to the main thread, which ends with it
            self.error = error
            self._failed()
            return
        self._parts.warm = Model(engine=engine)
        log.info("model_ready", seconds=round(time.monotonic() - began, 1))

    def close(self) -> None:
        """End the engine if there is one."""
        self.join(LOAD_GRACE)
        if self._parts.warm is not None:
            self._parts.warm.engine.close()


def _named(loaded: Loaded, config: ServerConfig) -> Loaded:
    context = config.context or loaded.context
    if context > loaded.context:
        raise ModelNotUsable(
            f"The model was built for {loaded.context} tokens; say --context {loaded.context} or less."
        )
    name = config.name or loaded.name
    if name in loaded.adapters:
        raise ModelNotUsable(f"The model and an adapter are both called {name}; give one of them another name.")
    return dataclasses.replace(loaded, name=name, context=context)


def _done_already(_number: int, _frame: FrameType | None) -> None:
    """The signal was obeyed."""
