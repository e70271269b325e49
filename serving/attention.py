"""Attention over a packed batch without a mask: each request's queries meet its own keys and nobody else's.

transformers' batching puts the tokens of all requests into one row. Its SDPA path then computes every query against
every key of the batch and hides most of that behind a mask as large as both; with 32 requests 97 % of the work is
thrown away. FlashAttention does without, but is a package that has to be built for the card. Here the lengths of the
requests say where to cut:
- on a card with 16-bit floats, the FlashAttention that torch itself brings (`torch.nn.attention.varlen`), if it gives
  the same as the other way on a sample drawn at start-up,
- else one call of SDPA for each request.

Models run it under a name with `flash` in it, because that is how transformers decides that a batch needs no mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import accumulate, pairwise
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch.nn.functional import scaled_dot_product_attention

#: How a packed batch is computed: one call of SDPA a request, or one of torch's FlashAttention.
Packed = Literal["packed", "varlen"]
#: Names under which transformers knows them. No digit: those stand for versions of the flash-attn package.
NAMES: dict[Packed, str] = {"packed": "casemate_flash_packed", "varlen": "casemate_flash_varlen"}
#: Ways of attention that need no mask in memory for a batch: ours, and those of the package flash-attn.
MASKLESS = frozenset({"packed", "varlen", "flash_attention_2", "flash_attention_3"})
#: Floats that torch's FlashAttention takes, and the largest difference that rounding in them explains.
ROUNDING = {torch.float16: 4e-3, torch.bfloat16: 3e-2}


class Row(NamedTuple):
    """Where the requests of a packed batch end.

    Attributes:
        ends: for queries and keys, where each request's end, beginning with 0; 32-bit integers.
        longest: the most queries and the most keys that one request has.
    """

    ends: tuple[torch.Tensor, torch.Tensor]
    longest: tuple[int, int]


class Compute(Protocol):
    """Attention of a whole batch, of shape (1, queries, heads, width)."""

    def __call__(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        row: Row,
        *,
        scale: float | None,
        window: int | None,
    ) -> torch.Tensor: ...


def pack(model: Any) -> Packed | None:
    """Let a loaded model compute packed batches without a mask; None where it does not run on SDPA, and stays as it is.

    Nothing may run on the model yet.
    """
    from transformers import AttentionInterface

    config = model.config
    if config._attn_implementation != "sdpa":  # noqa: SLF001  # transformers has no public name for what it settled on
        return None
    text = config.get_text_config()
    heads, groups = text.num_attention_heads, getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    width = getattr(text, "head_dim", None) or text.hidden_size // heads
    kind: Packed = "varlen" if varlen_works(model.device, model.dtype, heads, groups, width) else "packed"
    AttentionInterface.register(NAMES["packed"], partial(attention, compute=_by_request))
    AttentionInterface.register(NAMES["varlen"], partial(attention, compute=_by_kernel))
    config._attn_implementation = NAMES[kind]  # noqa: SLF001  # its public setter would look for the package flash-attn
    return kind


def varlen_works(device: torch.device, dtype: torch.dtype, heads: int, groups: int, width: int) -> bool:
    """Whether torch's FlashAttention runs here and agrees with SDPA, request by request, on a small random batch."""
    if device.type != "cuda" or dtype not in ROUNDING:
        return False
    lengths_q, lengths_k = [1, 5, 32], [40, 5, 70]
    row = _row(lengths_q, lengths_k, device)
    generator = torch.Generator(device).manual_seed(0)

    def drawn(tokens: int, heads: int) -> torch.Tensor:
        return torch.randn(1, heads, tokens, width, generator=generator, device=device, dtype=dtype)

    query = drawn(sum(lengths_q), heads)
    key, value = drawn(sum(lengths_k), groups), drawn(sum(lengths_k), groups)
    try:
        for window in (None, 16):
            expected = _by_request(query, key, value, row, scale=None, window=window)
            found = _by_kernel(query, key, value, row, scale=None, window=window)
            if not torch.allclose(found.float(), expected.float(), atol=ROUNDING[dtype], rtol=ROUNDING[dtype]):
                return False
    except (RuntimeError, ValueError, ImportError):  # this card, this width of head, or this build of torch cannot
        return False
    return True


def attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    compute: Compute,
    scaling: float | None = None,
    sliding_window: int | None = None,
    cache: Any = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as a layer of transformers calls it, once `compute` is bound.

    Args:
        query: of shape (1, heads, queries, width); outside a batch (texts, heads, tokens, width).
        key, value: of shape (1, groups, queries, width): what is new, the cache has the rest.
        attention_mask: None in a batch; outside of one, which tokens of each text are no padding (texts, tokens).
        compute: how a packed batch is computed.

    Returns:
        A tensor of shape (1, queries, heads, width), and no weights.

    Raises:
        ValueError: the model wants scores changed in a way that SDPA has no place for.
    """
    for name in ("softcap", "s_aux", "position_bias"):
        if kwargs.get(name) is not None:
            raise ValueError(f"This model's attention needs {name}, which a packed batch does not compute.")
    if cache is None:
        return _padded(query, key, value, attention_mask, scale=scaling, window=sliding_window), None
    key, value = cache.update(key_states=key, value_states=value, layer_idx=module.layer_idx, kwargs=kwargs)
    ends = kwargs["cu_seq_lens_q"], kwargs["cu_seq_lens_k"]
    row = Row(ends, (kwargs["max_length_q"], kwargs["max_length_k"]))
    return compute(query, key, value, row, scale=scaling, window=sliding_window), None


def _by_request(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    row: Row,
    *,
    scale: float | None,
    window: int | None,
) -> torch.Tensor:
    """Of shape (1, queries, heads, width). A request's queries are the last of its tokens."""
    out = query.new_empty(*query.shape[:3], value.size(3))
    start_q = start_k = 0
    for of_q, of_k in zip(*map(_lengths, row.ends), strict=True):
        end_q, end_k = start_q + of_q, start_k + of_k
        if of_q:
            out[:, :, start_q:end_q] = _own(
                query[:, :, start_q:end_q], key[:, :, start_k:end_k], value[:, :, start_k:end_k], scale, window
            )
        start_q, start_k = end_q, end_k
    return out.transpose(1, 2).contiguous()


def _own(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float | None, window: int | None
) -> torch.Tensor:
    """One request: the last of its tokens as queries, each looks at itself and what is before it."""
    heads, groups, queries, keys = query.size(1), key.size(1), query.size(2), key.size(2)
    whole = window is None or keys <= window
    if queries == 1 and whole:
        # One query sees every key. The heads of a group share their keys, so they can stand in as its queries.
        grouped = query.reshape(1, groups, heads // groups, query.size(3))
        return scaled_dot_product_attention(grouped, key, value, scale=scale).reshape(1, heads, 1, value.size(3))
    causal = whole and queries == keys
    seen = None if causal else _seen(queries, keys, window, query.device)
    return scaled_dot_product_attention(
        query, key, value, attn_mask=seen, is_causal=causal, scale=scale, enable_gqa=heads != groups
    )


def _seen(queries: int, keys: int, window: int | None, device: torch.device) -> torch.Tensor:
    """Which keys each query sees, of shape (queries, keys)."""
    seen = torch.ones(queries, keys, dtype=torch.bool, device=device).tril_(keys - queries)
    return seen if window is None else seen.triu_(keys - queries - window + 1)


def _by_kernel(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    row: Row,
    *,
    scale: float | None,
    window: int | None,
) -> torch.Tensor:
    """As `_by_request`."""
    from torch.nn.attention.varlen import varlen_attn

    out = varlen_attn(
        *(tensor.squeeze(0).transpose(0, 1) for tensor in (query, key, value)),
        *row.ends,
        *row.longest,
        scale=scale,
        window_size=(-1 if window is None else window - 1, 0),
        enable_gqa=query.size(1) != key.size(1),
    )
    assert isinstance(out, torch.Tensor)  # only `return_aux` makes it two
    return out.unsqueeze(0)


def _padded(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    real: torch.Tensor | None,
    *,
    scale: float | None,
    window: int | None,
) -> torch.Tensor:
    """Texts beside one another, filled up to the longest at their ends, as embeddings are computed."""
    seen = _seen(query.size(2), key.size(2), window, query.device)[None, None]
    if real is not None:
        # A token of padding sees itself, or its row would be empty and give no number.
        own = _seen(query.size(2), key.size(2), 1, query.device)
        seen = seen & (real[:, None, None, :].bool() | own)
    out = scaled_dot_product_attention(
        query, key, value, attn_mask=seen, scale=scale, enable_gqa=query.size(1) != key.size(1)
    )
    return out.transpose(1, 2).contiguous()


def _lengths(ends: torch.Tensor) -> list[int]:
    found = ends.tolist()
    return [end - start for start, end in pairwise(found)]


def _row(lengths_q: Sequence[int], lengths_k: Sequence[int], device: torch.device) -> Row:
    def ends(lengths: Sequence[int]) -> torch.Tensor:
        return torch.tensor([0, *accumulate(lengths)], dtype=torch.int32, device=device)

    return Row((ends(lengths_q), ends(lengths_k)), (max(lengths_q), max(lengths_k)))
