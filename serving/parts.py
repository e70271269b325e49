"""What the endpoints of a model server work with, joined in one place; the model arrives when it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING

from serving.admission import Admission
from serving.chat import Chat
from serving.decisions import letters
from serving.keys import Keys
from serving.metrics import ServingMetrics
from serving.refusals import Refused, still_loading

if TYPE_CHECKING:
    from serving.engine import Engine, EngineStats
    from serving.loading import Loaded


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model that answers."""

    engine: Engine

    @property
    def loaded(self) -> Loaded:
        """The weights, the tokenizer and what is known of them."""
        return self.engine.loaded

    @property
    def context(self) -> int:
        """Tokens that prompt and answer may have together: what the model reads and its cache holds."""
        return min(self.loaded.context, self.engine.stats().cache_total)

    @cached_property
    def chat(self) -> Chat:
        """Its chat template."""
        return Chat(self.loaded.tokenizer)

    @cached_property
    def letters(self) -> Mapping[str, tuple[int, ...]] | None:
        """The tokens that decisions are read from; None if its tokenizer has none such."""
        return letters(self.loaded.tokenizer) if self.chat.has_template else None

    def adapter(self, name: str | None) -> str | None:
        """The adapter that a request for `name` is for; None: the model alone.

        Raises:
            Refused: 404, no model of this name is served.
        """
        if name is None or name == self.loaded.name:
            return None
        if name in self.loaded.adapters:
            return name
        served = ", ".join((self.loaded.name, *self.loaded.adapters))
        raise Refused(
            f"Field `model` names a model that is not served here; served are: {served}.",
            status=HTTPStatus.NOT_FOUND,
            param="model",
            code="model_not_found",
        )


@dataclass(kw_only=True)
class Parts:
    """One server.

    Attributes:
        max_answer: tokens of an answer whose request names no number.
        temperature: of an answer whose request names none; 0 is greedy.
        keys: None lets everybody in.
        on_failure: called when the model gave up for good, so that the process can end.
    """

    admission: Admission
    max_answer: int
    temperature: float = 0.0
    keys: Keys | None = None
    metrics: ServingMetrics = field(default_factory=ServingMetrics)
    warm: Model | None = None
    on_failure: Callable[[], None] = field(default=lambda: None)

    def __post_init__(self) -> None:
        self.metrics.follow(self._now)

    @property
    def model(self) -> Model:
        """The model. While its batch is built again, requests wait inside.

        Raises:
            Refused: 503, it is still being loaded.
        """
        if self.warm is None:
            raise still_loading()
        return self.warm

    @property
    def ready(self) -> bool:
        """Whether requests are answered at once."""
        return self.warm is not None and self.warm.engine.ready

    @property
    def failure(self) -> str | None:
        """Why the model will not answer again; only a new process helps."""
        return self.warm.engine.failure if self.warm is not None else None

    def _now(self) -> tuple[int, int, EngineStats | None]:
        stats = self.warm.engine.stats() if self.warm is not None and self.warm.engine.ready else None
        return self.admission.waiting, self.admission.running, stats
