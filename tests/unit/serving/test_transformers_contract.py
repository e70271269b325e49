"""What the engine leans on in transformers without it being promised: one test each, so that an upgrade is told why."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GenerationConfig, LogitsProcessorList
from transformers.generation.configuration_utils import ContinuousBatchingConfig
from transformers.generation.continuous_batching import continuous_api
from transformers.generation.continuous_batching.cache import PagedAttentionCache
from transformers.generation.continuous_batching.requests import GenerationOutput, RequestState
from transformers.generation.continuous_batching.scheduler import Scheduler
from transformers.generation.continuous_batching.utils import logger

from serving.loop import PROCESSORS_OF
from tests.unit.serving.engines import load_tiny


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Any:
    return load_tiny(tiny_model).model


@pytest.fixture
def manager(model: Any) -> Iterator[Any]:
    config = ContinuousBatchingConfig(page_size=16, num_blocks=16, max_batch_tokens=64, max_requests_per_batch=4)
    manager = model.init_continuous_batching(GenerationConfig(eos_token_id=5), config)
    yield manager
    manager.destroy()


def test_a_batch_takes_its_processors_from_one_method_of_the_model(model: Any) -> None:
    ours = LogitsProcessorList()
    setattr(model, PROCESSORS_OF, lambda config: ours)
    config = ContinuousBatchingConfig(drop_unsupported_processors=False)
    try:
        manager = model.init_continuous_batching(GenerationConfig(eos_token_id=5, temperature=0.5), config)
    finally:
        delattr(model, PROCESSORS_OF)
    assert list(manager.logit_processor.logits_processor) == []
    assert callable(getattr(model, PROCESSORS_OF))


def test_rows_for_processors_arguments_are_made_after_the_manager(manager: Any) -> None:
    """So `tensors_required` may be set in between: theirs counts only processors of their own."""
    assert manager.logit_processor.tensors_required == 0
    manager.logit_processor.tensors_required = 3
    manager.warmup()
    io = manager.batch_processor.inputs_and_outputs
    assert io.logits_processors_defaults.shape == (3, 1)


def test_outputs_go_to_the_managers_router(manager: Any) -> None:
    class Mine(continuous_api.OutputRouter):  # type: ignore[misc]  # transformers is untyped
        """Another router."""

    manager.output_router = Mine()
    manager.warmup()
    assert manager.batch_processor.output_router is manager.output_router
    assert {"deliver", "deliver_batch", "fail_and_deliver"} <= set(dir(continuous_api.OutputRouter))


def test_a_warmed_manager_starts_with_the_cache_it_has(manager: Any) -> None:
    """So what was put into that cache before the start is there while it runs."""
    manager.warmup()
    warmed = manager.batch_processor
    manager.start()
    manager.stop(block=True, keep_for_next_session=True)
    assert manager.batch_processor is warmed
    manager.model.destroy_cached_continuous_batching_manager()


def test_the_cache_is_asked_for_prefixes_by_one_method() -> None:
    assert list(inspect.signature(PagedAttentionCache.search_prefix_match).parameters) == [
        "self",
        "request_id",
        "prompt_ids",
    ]
    assert "self.cache.search_prefix_match(" in inspect.getsource(Scheduler)


def test_the_cache_counts_in_bytes(manager: Any) -> None:
    manager.warmup()
    cache = manager.batch_processor.cache
    assert cache.num_blocks == 16
    assert cache.compute_free_capacity(relative=False) == cache.num_sectors * cache.bytes_per_sector
    for part in cache.cache_allocators.values():
        assert part.ledger.cached_blocks == {}
        assert part.bytes_per_block > 0


def test_cancelled_requests_are_cleared_and_kept_pages_dropped_by_name() -> None:
    assert {"set_request_cancellation", "clear_cancelled_requests"} <= set(dir(Scheduler))
    assert hasattr(PagedAttentionCache, "evict_cached_blocks")


def test_a_pause_comes_after_a_whole_step_and_before_requests_are_cancelled() -> None:
    source = inspect.getsource(continuous_api.ContinuousBatchProcessor._update_tp_group_state)
    assert source.index("pause_and_wait") < source.index("set_request_cancellation")
    assert source.index("synchronize") < source.index("pause_and_wait")


def test_outputs_and_states_have_the_fields_that_are_read() -> None:
    assert {"request_id", "generated_tokens", "error"} <= set(GenerationOutput.__dataclass_fields__)
    assert {"request_id", "logit_processor_kwargs"} <= set(RequestState.__dataclass_fields__)


def test_a_finished_answer_ends_with_its_stop_token() -> None:
    state = RequestState(request_id="r", initial_tokens=[1], eos_token_id=[5], max_new_tokens=9)
    state.status = continuous_api.RequestStatus.DECODING
    assert not state.update_and_check_completion(4, None)
    assert state.update_and_check_completion(5, None)
    assert state.to_generation_output().generated_tokens == [4, 5]


def test_a_loop_that_is_over_takes_nothing_and_says_what_ended_it(manager: Any) -> None:
    manager.start()
    error = torch.OutOfMemoryError("injected")
    manager.background_thread_status.record_fatal_error(error)
    assert manager.background_thread_status.can_accept_new_requests() is not None
    assert manager.add_request([1, 2]) is None
    assert manager.background_thread_status.fatal_error is error
    manager.stop(block=True)


def test_their_log_has_the_name_that_is_silenced() -> None:
    assert logger.name == "ContinuousBatchingLogger"
    assert not logger.isEnabledFor(logging.CRITICAL)
