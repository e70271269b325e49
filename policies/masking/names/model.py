"""The name model at run time: an encoder of ours in ONNX Runtime, on the processor, from the files beside this one."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from policies.masking.names.decode import Found, Thresholds, names_of
from policies.masking.names.windows import Window, batches, windows
from policies.masking.names.wordpiece import WordPieces

if TYPE_CHECKING:
    from policies.masking.names.decode import Scores

__all__ = ["Found", "NameModel", "OnnxNames", "load_default"]

FOLDER = Path(__file__).parent
#: Texts whose names are remembered, by digest; tickets repeat their signatures and footers.
REMEMBERED = 4_096
#: Threads that read names at once; more than four gain little on texts of this size.
MOST_THREADS = 4


class NameModel(Protocol):
    """Finds names in prose."""

    name: str

    def find(self, texts: Sequence[str]) -> list[list[Found]]:
        """The names in each text, in order and without overlap; offsets count characters of the text as given."""
        ...


class OnnxNames:
    """An ONNX encoder that gives each word its label. Safe to call from several threads."""

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        """Raises: ValueError when the weights are not those that `model.json` describes."""
        import onnxruntime

        described = json.loads((folder / "model.json").read_text("utf-8"))
        weights = (folder / described["weights"]).read_bytes()
        if hashlib.sha256(weights).hexdigest() != described["sha256"]:
            msg = f"{described['weights']} does not have the digest that model.json records"
            raise ValueError(msg)
        self.name: str = described["name"]
        self._words = WordPieces.load(folder / described["vocabulary"])
        self._thresholds = Thresholds.of(described["thresholds"])
        options = onnxruntime.SessionOptions()
        # One thread a batch and several batches at once: nothing waits for the slowest part of one operator.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        count = threads if threads is not None else min(MOST_THREADS, len(os.sched_getaffinity(0)))
        self._workers = count
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="names") if count > 1 else None
        self._known: OrderedDict[bytes, tuple[Found, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, texts: Sequence[str]) -> list[list[Found]]:
        digests = [hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts]
        fresh: dict[bytes, str] = {}
        found: dict[bytes, tuple[Found, ...]] = {}
        with self._lock:
            for digest, text in zip(digests, texts, strict=True):
                known = self._known.get(digest)
                if known is None:
                    fresh[digest] = text
                else:
                    self._known.move_to_end(digest)
                    found[digest] = known
        if fresh:
            read = dict(zip(fresh, self._read(list(fresh.values())), strict=True))
            self._remember(read)
            found |= read
        return [list(found[digest]) for digest in digests]

    def _read(self, texts: list[str]) -> list[tuple[Found, ...]]:
        split = [self._words.words(text) for text in texts]
        scores: list[Scores] = [np.zeros((len(words.starts), 0), dtype=np.float32) for words in split]
        work = list(
            batches([window for index, words in enumerate(split) for window in windows(index, words)], self._workers)
        )
        run = self._pool.map if self._pool is not None and len(work) > 1 else map
        for batch, result in zip(work, run(self._scores, work), strict=True):
            for window, rows in zip(batch, result, strict=True):
                if scores[window.text].shape[1] == 0:
                    scores[window.text] = np.zeros((len(split[window.text].starts), rows.shape[1]), dtype=np.float32)
                scores[window.text][window.first : window.last] = rows
        return [
            tuple(names_of(text, words, each, self._thresholds))
            for text, words, each in zip(texts, split, scores, strict=True)
        ]

    def _scores(self, batch: list[Window]) -> list[Scores]:
        """The scores of each window's own words."""
        width = max(len(window.pieces) for window in batch) + 2
        pieces = np.zeros((len(batch), width), dtype=np.int32)
        shapes = np.zeros((len(batch), width), dtype=np.int32)
        lengths = np.zeros(len(batch), dtype=np.int32)
        for row, window in enumerate(batch):
            size = len(window.pieces)
            pieces[row, 0] = self._words.start
            pieces[row, 1 : size + 1] = window.pieces
            pieces[row, size + 1] = self._words.end
            shapes[row, 1 : size + 1] = window.shapes
            lengths[row] = size + 2
        inputs: dict[str, Any] = {"pieces": pieces, "shapes": shapes, "lengths": lengths}
        scores = self._session.run(["scores"], inputs)[0]
        return [scores[row, np.asarray(window.places) + 1] for row, window in enumerate(batch)]

    def _remember(self, read: dict[bytes, tuple[Found, ...]]) -> None:
        with self._lock:
            self._known.update(read)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)


def load_default() -> NameModel:
    """The embedded model; one for each process, because ONNX Runtime's threads do not survive a fork."""
    return _loaded(os.getpid())


@cache
def _loaded(_process: int) -> NameModel:
    return OnnxNames(FOLDER)
