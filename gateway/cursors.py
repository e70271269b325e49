"""The cursor of a listing, newest first: the number of the last row shown."""

from __future__ import annotations

from http import HTTPStatus

from gateway.problems import Problem


def before(cursor: str | None) -> int | None:
    """The number that the next page lies before; None for the first page.

    Raises:
        Problem: it is no cursor of ours.
    """
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "Field `cursor`: send the `next` of the page before.")
    return int(cursor)
