"""How far back a command looks: `--since 24h`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

_UNITS = {"m": 60, "h": 3600, "d": 86400}


def moment(ago: str | None) -> datetime | None:
    """The moment that long ago: `90m`, `24h`, `30d`; None for None.

    Raises:
        typer.BadParameter: it is no duration.
    """
    if ago is None:
        return None
    written = re.fullmatch(r"([1-9][0-9]{0,5})([mhd])", ago, re.ASCII)
    if written is None:
        raise typer.BadParameter("say how long ago, such as 90m, 24h or 30d", param_hint="--since")
    return datetime.now(UTC) - timedelta(seconds=int(written[1]) * _UNITS[written[2]])
