"""What an endpoint lists of itself: whether it is up and has the model that it is asked for, and what that can do."""

from __future__ import annotations

import json

from agents.features import PLAIN, read_features
from agents.probe_checks import Found
from agents.probe_http import Asked, Failed
from agents.probe_report import Outcome

#: Characters of a model's name that are kept.
MAX_NAME = 200


class Listing:
    """One look at `GET /models`."""

    def __init__(self) -> None:
        self.features = PLAIN
        self.names: list[str] = []

    async def look(self, asked: Asked) -> Found:
        """Read the list; where no model was named, the first one is asked from now on. Raises Failed."""
        content = await asked.get("/models")
        self.names = _names(content)
        if not self.names:
            return Found(outcome=Outcome.BROKEN, reason="It lists no models; name the model with --name.")
        asked.model = asked.model or self.names[0]
        self.features = read_features(content, asked.model)
        if asked.model not in self.names:
            return Found(outcome=Outcome.WRONG, reason=f"It lists {', '.join(self.names[:5])}, and no {asked.model}.")
        window = self.features.window
        told = f"its window is {window} tokens" if window else "it does not tell its window (--context does)"
        return Found(outcome=Outcome.GOOD, reason=f"It lists {asked.model}; {told}.")


async def look_at(url: str, *, model: str, key: str, seconds: float) -> tuple[Found, Listing]:
    """Look at one model of an endpoint. Never raises for what it answers."""
    asked = Asked(url, model=model, key=key, seconds=seconds)
    listing = Listing()
    try:
        return await listing.look(asked), listing
    except Failed as failed:
        return Found(outcome=failed.outcome, reason=failed.sentence), listing
    finally:
        await asked.aclose()


def _names(content: bytes) -> list[str]:
    try:
        listed = json.loads(content)["data"]
        return [one["id"][:MAX_NAME] for one in listed if isinstance(one["id"], str) and one["id"]]
    except (ValueError, RecursionError, KeyError, TypeError):
        return []
