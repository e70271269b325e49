"""The process that tool calls are born from: it has every tool imported, and forks one child for each call.

It reads nothing but orders of the worker on its standard input: first what to take away from its children, then, for
every child, a socket. A child confines itself, says so, waits for its one call, answers it and ends. The nursery never
sees a call, so nothing of one reaches the next.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import sys
from typing import Any, NoReturn

from tools.sandbox import kernel, runtime, wire
from tools.sandbox.confine import Layers, confine
from tools.tool import declared_by

#: Bytes of an order or a reply; a filter program is about six thousand.
MAX_ORDER = 128 * 1024


def main() -> None:
    """Serve until the worker closes its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended children leave at once; the worker watches their pidfds
    kernel.die_with(0)
    orders = socket.socket(fileno=os.dup(0))
    order = orders.recv(MAX_ORDER)
    if not order:
        return
    layers = _layers(json.loads(order))
    missing = _load()
    # What was imported stays where it is, so that children share the memory instead of copying it.
    gc.collect()
    gc.freeze()
    orders.send(json.dumps({"ready": True, "missing": missing}).encode())
    me = os.pidfd_open(os.getpid())
    while True:
        message, descriptors, _, _ = socket.recv_fds(orders, 16, 1)
        if not message or not descriptors:
            return
        try:
            pidfd = _spawn(layers, descriptors[0], me, orders)
        except OSError as error:
            orders.send(json.dumps({"error": str(error)}).encode())
        else:
            socket.send_fds(orders, [b"{}"], [pidfd])
            os.close(pidfd)
        finally:
            os.close(descriptors[0])


def _layers(order: dict[str, Any]) -> Layers:
    return Layers(
        names=frozenset(order["layers"]),
        program=base64.b64decode(order["program"]),
        readable=tuple(order["readable"]),
        writable=tuple(order["writable"]),
        tmp_bytes=order["tmp_bytes"],
    )


def _load() -> list[str]:
    """Import every tool, what it names as heavy, and the attempts to escape; says what was not there and why."""
    package = importlib.import_module("tools.investigate")
    names = [f"tools.investigate.{found.name}" for found in pkgutil.iter_modules(package.__path__)]
    names += [f"tools.sandbox.probes.{name}" for name in ("amounts", "files", "network", "processes")]
    missing: list[str] = []
    for name in names:
        module = _imported(name, missing)
        declared = declared_by(module)
        for heavy in declared.imports if declared else ():
            _imported(heavy, missing)
        # A module with tables that are read at first use reads them here, once, instead of in every call.
        with contextlib.suppress(Exception):
            getattr(module, "warm", int)()
    _imported("encodings.idna", missing)
    return missing


def _imported(name: str, missing: list[str]) -> object:
    try:
        return importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - one tool that is broken must not take the others along
        missing.append(f"{name} ({type(error).__name__}: {error})")
        return None


def _spawn(layers: Layers, channel: int, me: int, orders: socket.socket) -> int:
    """A child on `channel`; its pidfd."""
    private = "private" in layers.names
    nursery = 0 if private else os.getpid()
    if private:
        kernel.unshare(kernel.CLONE_NEWPID)
    try:
        pid = os.fork()
        if pid == 0:
            _child(layers, channel, nursery, orders)
    finally:
        if private:
            kernel.enter(me, kernel.CLONE_NEWPID)
    return os.pidfd_open(pid)


def _child(layers: Layers, channel: int, nursery: int, orders: socket.socket) -> NoReturn:
    code = 1
    with contextlib.suppress(BaseException):
        orders.detach()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        talk = socket.socket(fileno=channel)
        try:
            confine(layers, channel, nursery)
        except OSError as error:
            talk.sendall(wire.frame(wire.BROKEN, str(error).encode()))
        else:
            runtime.serve(talk, limited="rlimits" in layers.names)
            code = 0
    os._exit(code)


if __name__ == "__main__":
    sys.exit("The nursery is started by casemate.")
