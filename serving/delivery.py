"""News for requests' owners, each in the thread of its own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from serving.asking import Item, Request

News = list[tuple[Request, Item]]


def deliver(items: Iterable[tuple[Request, Item]]) -> list[Request]:
    """Hand items out, with one wake-up for each event loop; returns the requests whose event loop is closed."""
    by_loop: dict[asyncio.AbstractEventLoop, News] = {}
    for request, item in items:
        if request.sink.loop is None:
            request.sink.put(item)
        else:
            by_loop.setdefault(request.sink.loop, []).append((request, item))
    unheard: list[Request] = []
    for loop, news in by_loop.items():
        try:
            loop.call_soon_threadsafe(_put, news)
        except RuntimeError:  # the event loop is closed
            unheard += [request for request, _ in news]
    return unheard


def _put(news: News) -> None:
    for request, item in news:
        request.sink.put(item)
