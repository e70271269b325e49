"""The model that the other tests here serve is what it says it is."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoModelForCausalLM, AutoTokenizer


def test_it_has_the_architecture_the_marks_and_the_padding_of_a_real_one(tiny_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    assert type(model).__name__ == "Qwen3ForCausalLM"
    assert model.config.vocab_size > len(tokenizer)
    assert len(tokenizer.encode("<tool_call></tool_call><|im_end|>")) == 3
    assert tokenizer.decode(tokenizer.encode('Grüße, {"a": [1, "\\n"]}  ok')) == 'Grüße, {"a": [1, "\\n"]}  ok'


def test_the_template_writes_tools_calls_and_results(tiny_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    call = {"function": {"name": "look", "arguments": {"a": 1}}}
    text = tokenizer.apply_chat_template(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi."},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "seen"},
        ],
        tools=[{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
        tokenize=False,
        add_generation_prompt=True,
        enable_thinking=False,
    )
    assert '<tool_call>\n{"name": "look", "arguments": {"a": 1}}\n</tool_call><|im_end|>' in text
    assert "<tool_response>\nseen\n</tool_response><|im_end|>" in text
    assert text.startswith("<|im_start|>system\nBe brief.\n\n# Tools")
    assert text.endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
