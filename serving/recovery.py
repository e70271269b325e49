"""What happens after the batching loop broke: how large the next one is, and which requests may start again."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from serving.asking import Request
from serving.sizing import Size

#: How often a request is begun: a second time if the loop broke before anybody saw a token of it.
MOST_TRIES = 2
#: Errors other than a lack of memory, without one token between them, after which the engine gives up.
MOST_IN_A_ROW = 3


class Recovery:
    """The size that the engine runs with, and what it went through."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.restarts = 0
        self._in_a_row = 0

    def succeeded(self) -> None:
        """A token came."""
        self._in_a_row = 0

    def after(self, error: Exception | None, pages: int) -> str | None:
        """Decide on the size after an error of a loop whose cache had `pages`; a sentence if it is time to give up.

        Out of memory: half of the cache and of the batch. Anything else: the same again, a few times.
        """
        self.restarts += 1
        if isinstance(error, torch.OutOfMemoryError):
            smaller = self.size.smaller(pages)
            if smaller is None:
                return "The device ran out of memory however small the batch was; give the server a larger one."
            self.size = smaller
            return None
        self._in_a_row += 1
        if self._in_a_row > MOST_IN_A_ROW:
            return f"The model fails whatever it is asked ({type(error).__name__}); restart the server."
        return None

    @staticmethod
    def sort(requests: Sequence[Request]) -> tuple[list[Request], list[Request]]:
        """The requests that ran when the loop broke: those that may start again, and those that are lost."""
        again: list[Request] = []
        lost: list[Request] = []
        for request in requests:
            request.tries += 1
            (lost if request.sent or request.tries >= MOST_TRIES else again).append(request)
        return again, lost
