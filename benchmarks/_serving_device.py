"""What needs torch in the benchmark of model servers, in a process of its own. Prints one JSON line.

`describe`: the machine. `make FOLDER SIZE DEVICE`: a model with random weights. `bandwidth FOLDER SIZE DEVICE`: bytes
of its weights, and bytes a second that the device's memory gives, measured by copying.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from core.canonical import JsonObject

#: Bytes copied at once; far beyond any cache.
COPIED = 1 << 30
COPIES = 20


def describe() -> JsonObject:
    import torch
    import transformers

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return {"gpu": gpu, "torch": torch.__version__, "transformers": transformers.__version__}


def make(folder: Path, size: str, device: str) -> JsonObject:
    from serving.noise import make_model

    make_model(folder, size, device=device)
    return {"made": size}


def bandwidth(folder: Path, device: str) -> JsonObject:
    """A copy reads and writes each byte once."""
    import torch

    size = COPIED if device != "cpu" else COPIED // 8
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    _wait(device)
    started = time.perf_counter()
    for _ in range(COPIES):
        target.copy_(source)
    _wait(device)
    rate = 2 * size * COPIES / (time.perf_counter() - started)
    weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return {"weight_bytes": weights, "bytes_per_second": round(rate)}


def _wait(device: str) -> None:
    import torch

    if device != "cpu":
        torch.cuda.synchronize()


def main() -> None:
    what, folder, size, device = sys.argv[1:5]
    match what:
        case "describe":
            found = describe()
        case "make":
            found = make(Path(folder), size, device)
        case "bandwidth":
            found = bandwidth(Path(folder), device)
        case _:
            raise SystemExit(f"There is no `{what}`.")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
