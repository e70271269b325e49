"""Models that say noise: the architecture, the form of tokenizer and the chat template of Qwen3, with random weights.

For tests and benchmarks, which need no download: what serves a model cannot tell what it was trained on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Text the tokenizer learns from: prose and JSON, so that both take several tokens.
FOLDERS = ("agents/prompts", "policies/rulesets")
VOCABULARY = 2048
#: Rows of the output layer that no token has, as real models have.
PADDING = 64
#: Tokens a conversation may hold.
CONTEXT = 32768


def _shape(*, hidden: int, inner: int, layers: int, heads: int, groups: int = 8, tied: bool = False) -> dict[str, Any]:
    return {
        "vocab_size": 151_936,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": groups,
        "head_dim": 128,
        "tie_word_embeddings": tied,
    }


#: Shapes of models: tiny for tests, the others as Qwen2.5 1.5B and Qwen3 8B and 14B are built.
SIZES: dict[str, dict[str, Any]] = {
    "tiny": {
        "vocab_size": VOCABULARY + PADDING,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "tie_word_embeddings": True,
    },
    "1.5b": _shape(hidden=1536, inner=8960, layers=28, heads=12, groups=2, tied=True),
    "8b": _shape(hidden=4096, inner=12288, layers=36, heads=32),
    "14b": _shape(hidden=5120, inner=17408, layers=40, heads=40),
}

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
#: Part of the vocabulary as in Qwen's tokenizers, yet visible in decoded text.
MARKS = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>")

TEMPLATE = """\
{%- if tools %}
{{- '<|im_start|>system\\n' }}
{%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n\\n' }}{%- endif %}
{{- '# Tools\\n\\nCall functions as needed. Their signatures:\\n<tools>' }}
{%- for tool in tools %}{{- '\\n' }}{{- tool | tojson }}{%- endfor %}
{{- '\\n</tools>\\n\\nFor each call write its name and arguments as JSON:\\n' }}
{{- '<tool_call>\\n{"name": <name>, "arguments": <arguments>}\\n</tool_call><|im_end|>\\n' }}
{%- elif messages[0].role == 'system' %}
{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
{%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- elif message.role == 'assistant' %}
{{- '<|im_start|>assistant\\n' + (message.content or '') }}
{%- for call in message.tool_calls or [] %}
{%- if not loop.first or message.content %}{{- '\\n' }}{%- endif %}
{{- '<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
{{- call.function.arguments if call.function.arguments is string else call.function.arguments | tojson }}
{{- '}\\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\\n' }}
{%- elif message.role == 'tool' %}
{%- if loop.previtem is not defined or loop.previtem.role != 'tool' %}{{- '<|im_start|>user' }}{%- endif %}
{{- '\\n<tool_response>\\n' + message.content + '\\n</tool_response>' }}
{%- if loop.last or loop.nextitem.role != 'tool' %}{{- '<|im_end|>\\n' }}{%- endif %}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and not enable_thinking %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}
{%- endif %}
"""


def make_model(folder: Path, size: str = "tiny", *, seed: int = 0, device: str = "cpu", **changes: Any) -> Path:
    """Write a model into `folder`, as `save_pretrained` does: float32 if tiny, else bfloat16.

    `changes` go to its configuration; `device` is where the weights are drawn.

    Raises:
        KeyError: there is no such size.
    """
    import torch
    from transformers import AutoModelForCausalLM, Qwen3Config

    tokenizer = make_tokenizer()
    settings: dict[str, Any] = {
        "max_position_embeddings": CONTEXT,
        "bos_token_id": tokenizer.convert_tokens_to_ids("<|endoftext|>"),
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        **SIZES[size],
        **changes,
    }
    torch.manual_seed(seed)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(
            Qwen3Config(**settings), dtype=torch.float32 if size == "tiny" else torch.bfloat16
        )
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_tokenizer() -> Any:
    """A byte-level BPE with Qwen's special tokens and a chat template in its form."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{N}|[^\s\p{L}\p{N}]+|\s?\p{L}+|\s+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIAL) - len(MARKS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(_texts(), trainer)
    inner.add_special_tokens(list(SPECIAL))
    inner.add_tokens([AddedToken(mark, special=False, normalized=False) for mark in MARKS])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        eos_token="<|im_end|>",  # noqa: S106 - a token of the model
        pad_token="<|endoftext|>",  # noqa: S106 - the same
        model_max_length=CONTEXT,
        chat_template=TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def _texts() -> Iterator[str]:
    root = Path(__file__).parents[1]
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in {".md", ".yaml", ".json"}:
                yield file.read_text(encoding="utf-8")
