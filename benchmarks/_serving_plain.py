"""One request after the other through `generate` of transformers: what one has without a server. Prints one JSON line.

Run as a process of its own, so that it gives its memory back: `python -m benchmarks._serving_plain FOLDER FILE …`.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from benchmarks._serving_conversations import load


def main() -> None:
    """Arguments: model folder, conversations, device, tokens an answer, requests of a conversation, seconds at most."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, file, device = sys.argv[1:4]
    max_tokens, turns, seconds = map(int, sys.argv[4:7])
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto").to(device).eval()
    requests = [request for conversation in load(Path(file)) for request in conversation[:turns]]
    prompts = [
        tokenizer.apply_chat_template(
            request["messages"], add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(device)
        for request in requests
    ]
    options = {"max_new_tokens": max_tokens, "do_sample": True, "pad_token_id": tokenizer.pad_token_id}
    with torch.inference_mode():
        model.generate(**prompts[0], **options)
        started, tokens, done = time.perf_counter(), 0, 0
        for prompt in prompts:
            answer = model.generate(**prompt, **options)
            tokens += answer.shape[1] - prompt["input_ids"].shape[1]
            done += 1
            if time.perf_counter() - started > seconds:
                break
        spent = time.perf_counter() - started
    print(json.dumps({"requests": done, "generated_tokens": tokens, "tokens_per_second": round(tokens / spent, 1)}))


if __name__ == "__main__":
    main()
