"""How large the cache and a step's batch are, from the memory there is; after running out of it, smaller."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

#: Share of the memory that is free once the weights are loaded. A card is the server's own; a machine's memory is not.
CARD_SHARE = 0.85
MACHINE_SHARE = 0.3
#: Tokens of one step. A card wants many; on the processor a small step keeps others' tokens coming.
CARD_BATCH = 8192
MACHINE_BATCH = 1024
#: Tokens the cache of a processor has at most unless told otherwise; fewer where the mask of attention grows with it.
MACHINE_CACHE = 262_144
MASKED_CACHE = 65_536
#: Tokens of one page. FlashAttention's kernel reads pages of 256.
FLASH_PAGE = 256
PAGE = 32
#: A batch is not made smaller than this.
LEAST_BATCH = 64
#: Where a container's limit stands (control groups, version 2).
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """What transformers is told.

    Attributes:
        pages: pages of the cache; None: as many as fit into `memory_share` of what is free on the card.
        requests: requests of one step.
    """

    page_tokens: int
    pages: int | None
    batch_tokens: int
    requests: int
    memory_share: float

    def smaller(self, pages: int) -> Size | None:
        """Half of the batch and of the `pages` that there were; None when that would serve nobody."""
        if self.batch_tokens <= LEAST_BATCH or pages * self.page_tokens <= 2 * LEAST_BATCH:
            return None
        batch = max(LEAST_BATCH, self.batch_tokens // 2)
        return replace(self, pages=pages // 2, batch_tokens=batch, requests=min(self.requests, batch))


def choose_size(
    model: Any,
    *,
    on_card: bool,
    flash: bool,
    masked: bool,
    context: int,
    requests: int,
    page_tokens: int | None,
    cache_tokens: int | None,
    batch_tokens: int | None,
    memory_share: float | None,
) -> Size:
    """The size for a model; arguments that are None are chosen here. `masked`: its attention needs a mask in memory."""
    page = page_tokens or (FLASH_PAGE if flash else PAGE)
    batch = batch_tokens or (CARD_BATCH if on_card else MACHINE_BATCH)
    share = memory_share or (CARD_SHARE if on_card else MACHINE_SHARE)
    if cache_tokens is None and not on_card:
        column = batch * model.dtype.itemsize if masked else 0
        most = max(MASKED_CACHE if masked else MACHINE_CACHE, context)
        cache_tokens = min(most, int(free_memory() * share) // (bytes_of_token(model) + column))
    pages = None if cache_tokens is None else max(1, -(-cache_tokens // page))
    return Size(page_tokens=page, pages=pages, batch_tokens=batch, requests=min(requests, batch), memory_share=share)


def bytes_of_token(model: Any) -> int:
    """Bytes of one token's keys and values in all layers."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(2 * config.num_hidden_layers * heads * width * model.dtype.itemsize)


def free_memory(cgroup: Path = CGROUP) -> int:
    """Bytes this process may still take: of the machine, or of its container if that has less."""
    import psutil

    free = int(psutil.virtual_memory().available)
    try:
        limit = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text())
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return free
    return max(0, min(free, limit - used))
