"""One life of transformers' batching loop: built with our logits processors, started, ended; recovery builds the next.

transformers schedules, pages the cache and shares prefixes. What is added from outside, and the only place that
reaches for names of theirs that are not public:
- our processors stand in place of those that the model's generation config would ask for (`_get_logits_processor`),
- outputs go to a router of ours, because theirs fails the whole loop when one client's event loop is closed,
- hits of the prefix cache are counted where the cache answers (`search_prefix_match`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import GenerationConfig
from transformers.generation.configuration_utils import ContinuousBatchingConfig
from transformers.generation.continuous_batching.continuous_api import OutputRouter

from serving.errors import ModelNotUsable
from serving.loading import Loaded
from serving.sizing import Size

#: Seconds the thread may take to end its step when it is stopped.
STOP_SECONDS = 30.0
#: The method of a model that says which processors its batch has.
PROCESSORS_OF = "_get_logits_processor"
#: Share of free memory that a cache of a given size may take.
MOST_MEMORY = 0.95
#: Their own log quotes token ids of prompts in warnings; what matters is said by ours.
logging.getLogger("ContinuousBatchingLogger").setLevel(logging.CRITICAL + 1)


class Router(OutputRouter):  # type: ignore[misc]  # transformers is untyped
    """Hands outputs to one function, in the thread that runs the batch."""

    def __init__(self, receive: Callable[[list[Any]], None]) -> None:
        super().__init__()
        self._receive = receive

    def deliver(self, output: Any) -> None:
        """One output: a request that failed."""
        self._receive([output])

    def deliver_batch(self, outputs: list[Any]) -> None:
        """All outputs of one step."""
        self._receive(outputs)


class Loop:
    """The batching loop.

    Attributes:
        total_tokens: tokens that its cache holds.
        shared_tokens: tokens of prompts that were found in the cache.
    """

    def __init__(
        self,
        loaded: Loaded,
        size: Size,
        *,
        processors: Sequence[Any],
        receive: Callable[[list[Any]], None],
        prefix_sharing: bool,
        graphs: bool | None,
    ) -> None:
        """Allocate the cache and capture graphs if there are any.

        Raises:
            ModelNotUsable: transformers cannot batch this architecture, or the cache does not fit.
            torch.OutOfMemoryError: the device is full.
        """
        self._size = size
        self.shared_tokens = 0
        self._started = False
        self._shared_of: dict[str, int] = {}
        config = ContinuousBatchingConfig(
            page_size=size.page_tokens,
            num_blocks=size.pages,
            max_batch_tokens=size.batch_tokens,
            max_memory_percent=size.memory_share if size.pages is None else MOST_MEMORY,
            max_requests_per_batch=size.requests,
            allow_block_sharing=prefix_sharing,
            use_async_batching=False,  # a constraint must know token n before it can say what n + 1 may be
            use_cuda_graph=graphs,
            per_request_processors=True,
            auto_switch_to_flash=False,  # it would fetch kernels from the network
        )
        generation = GenerationConfig(do_sample=True, eos_token_id=list(loaded.stop_token_ids), pad_token_id=0)
        if loaded.device.type == "cuda":
            torch.cuda.set_device(loaded.device)  # of this thread, for the graphs it captures
        self._manager = _manager(loaded.model, generation, config, processors)
        self._manager.output_router = Router(receive)
        try:
            self._manager.warmup()
        except (ValueError, MemoryError) as error:
            raise ModelNotUsable(f"This model cannot be batched here: {error}") from error
        self._cache = self._manager.batch_processor.cache
        self._scheduler = self._manager.batch_processor.scheduler
        self._count_shared(self._cache)
        self.total_tokens = int(self._cache.num_blocks) * size.page_tokens

    def start(self) -> None:
        """Run the loop in a thread of its own."""
        self._started = True
        self._manager.start()

    def submit(self, request_id: str, prompt: list[int], max_new_tokens: int, *, stream: bool, **kwargs: Any) -> bool:
        """Queue a request; False if the loop is over. Outputs go to `receive`."""
        accepted = self._manager.add_request(
            prompt, request_id=request_id, max_new_tokens=max_new_tokens, streaming=stream, **kwargs
        )
        return accepted is not None

    def cancel(self, request_id: str) -> None:
        """Drop a request before the next step; its cache is freed and nothing more of it is delivered."""
        self._manager.cancel_request(request_id)

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Wait for the end of the running step and hold the loop, so that this thread may use the model.

        Raises:
            RuntimeError: the loop is over.
        """
        with self._manager.pause():
            yield

    def forget_prefixes(self) -> None:
        """Drop every page that is kept to be shared. Only inside `pause`, and when no request is left to run.

        Requests that were cancelled and not yet dropped are dropped first, for their pages would be kept then.
        """
        for request_id in [*self._scheduler.active_requests, *self._scheduler.waiting_requests]:
            self._scheduler.set_request_cancellation(request_id)
        self._scheduler.clear_cancelled_requests()
        self._cache.evict_cached_blocks()

    @property
    def alive(self) -> bool:
        """Whether requests are taken."""
        return self._manager.is_running() and self._manager.background_thread_status.can_accept_new_requests() is None

    def stop(self) -> Exception | None:
        """End the loop after its running step, fail what is left, and free the cache; what broke it, if it broke."""
        if self._started:
            self._manager.stop(block=True, timeout=STOP_SECONDS, hard_stop=True)
        if self._cache is not None:
            del self._cache.search_prefix_match  # it refers to the cache that has it
        self._cache = self._scheduler = None
        self._manager.batch_processor = None
        self._manager.destroy()
        error: Exception | None = self._manager.background_thread_status.fatal_error
        if error is not None:
            error.__traceback__ = error.__context__ = None  # its frames hold tensors
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return error

    @property
    def page_tokens(self) -> int:
        """Tokens of one page; prefixes are shared by whole pages."""
        return self._size.page_tokens

    @property
    def used_tokens(self) -> int:
        """Tokens of pages that running requests hold; pages kept only to be shared again do not count."""
        cache = self._cache
        if cache is None:
            return 0
        kept = sum(len(part.ledger.cached_blocks) * part.bytes_per_block for part in cache.cache_allocators.values())
        whole = cache.num_sectors * cache.bytes_per_sector
        taken = whole - int(cache.compute_free_capacity(relative=False)) - kept
        return int(self.total_tokens * taken // whole)

    def shared_of(self, request_id: str) -> int:
        """Tokens of this request's prompt that were found in the cache; asked once, at its end."""
        return self._shared_of.pop(request_id, 0)

    def _count_shared(self, cache: Any) -> None:
        """A request that lost its pages is looked up again; only its first look counts."""
        search = cache.search_prefix_match

        def counted(request_id: str, prompt_ids: list[int]) -> int:
            found = int(search(request_id, prompt_ids))
            if found and request_id not in self._shared_of:
                self._shared_of[request_id] = found
                self.shared_tokens += found
            return found

        cache.search_prefix_match = counted


def _manager(model: Any, generation: Any, config: Any, processors: Sequence[Any]) -> Any:
    """A batching manager whose logits processors are ours, whatever the model's own generation config asks for."""
    from transformers import LogitsProcessorList

    setattr(model, PROCESSORS_OF, lambda *_, **__: LogitsProcessorList(processors))
    try:
        manager = model.init_continuous_batching(generation_config=generation, continuous_batching_config=config)
    except ValueError as error:
        raise ModelNotUsable(f"This model cannot be batched: {error}") from error
    finally:
        delattr(model, PROCESSORS_OF)
    manager.logit_processor.tensors_required = len(processors)
    return manager
