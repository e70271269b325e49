"""Probe of a worker: has the worker of this container shown a sign of life in the last minute?

`alive.py` says whether it must be started anew, so a database that is away does not count against it.
`alive.py --ready` says whether it can work: a worker without its sandbox, its policy or the database cannot.
"""

from __future__ import annotations

import socket
import sys
from datetime import timedelta

from cli.context import open_store, read_settings
from core.errors import CasemateError, NoTables, Temporary

#: A worker says that it lives every 5 seconds.
SILENT = timedelta(seconds=60)


def trouble(*, ready: bool) -> str:
    """What is wrong with the worker of this container, in a sentence; empty when nothing is."""
    try:
        with open_store(read_settings()) as store, store.read() as tx:
            alive = tx.operations.alive(since=store.clock.now() - SILENT)
    except NoTables:
        return "There are no tables yet."
    except Temporary as error:
        return str(error) if ready else ""
    except CasemateError as error:
        return str(error)
    host = f"{socket.gethostname()}:"
    ours = [process for process in alive if process["kind"] == "worker" and process["process"].startswith(host)]
    if not ours:
        return f"No worker of {host[:-1]} has been heard of for {SILENT.total_seconds():g} seconds."
    return str(ours[-1]["data"].get("trouble", "")) if ready else ""


if __name__ == "__main__":
    sys.exit(trouble(ready="--ready" in sys.argv[1:]) or 0)
