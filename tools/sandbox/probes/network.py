"""Attempts to reach anything through a socket, and to be let out by asking nicely."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Any

from tools import outside

Found = dict[str, Any]
FAMILIES = ("AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK", "AF_VSOCK", "AF_ALG", "AF_PACKET", "AF_BLUETOOTH", "AF_XDP")


def connect(arguments: Found, inputs: Found) -> Found:
    """Can a socket of any family be made, or something be reached through one: TCP, UDP, DNS, unix by path and name?"""
    del inputs
    got = []
    for family in FAMILIES:
        number = getattr(socket, family, None)
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            if number is not None:
                with contextlib.suppress(OSError), socket.socket(number, kind):
                    got.append(f"{family}/{kind.name}")
    for address in arguments["tcp"]:
        with contextlib.suppress(OSError), socket.create_connection(tuple(address), timeout=1):
            got.append(f"tcp {address}")
    for address in arguments["udp"]:
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(b"x", tuple(address))
            got.append(f"udp {address}")
    for name in arguments["unix"]:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as unix:
            unix.connect(name.replace("@", "\0", 1) if name.startswith("@") else name)
            got.append(f"unix {name}")
    with contextlib.suppress(OSError):
        socket.getaddrinfo("example.com", 80)
        got.append("dns")
    with contextlib.suppress(OSError):
        socket.socketpair()
        got.append("socketpair")
    return {"got": got}


def ask(arguments: Found, inputs: Found) -> Found:
    """Does anybody outside answer a question that this call may not put?"""
    del arguments, inputs
    got = []
    for kind in ("http_get", "dns", "whois", "vendor"):
        with contextlib.suppress(outside.NotAnswered):
            outside.ask(kind, url="http://example.com/", name="example.com")
            got.append(kind)
    return {"got": got}


def pass_on(arguments: Found, inputs: Found) -> Found:
    """Can a descriptor be handed out through the channel, or one be taken in?"""
    del arguments, inputs
    # The channel is the lowest descriptor above the standard three.
    got = []
    with contextlib.suppress(OSError):
        channel = next(fd for fd in range(3, 64) if _open(fd))
        with socket.socket(fileno=os.dup(channel)) as talk:
            talk.setblocking(False)
            socket.send_fds(talk, [b""], [0])
            _, taken, _, _ = socket.recv_fds(talk, 16, 1)
            got += ["descriptor"] if taken else []
    return {"got": got}


def _open(fd: int) -> bool:
    with contextlib.suppress(OSError):
        os.fstat(fd)
        return True
    return False
