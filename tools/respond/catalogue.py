"""The tools that act. Calling one records a proposal; only the executor outside the room carries it out."""

from __future__ import annotations

from tools.arguments import (
    AccountArguments,
    BlockArguments,
    CloseArguments,
    IsolateArguments,
    QuarantineArguments,
    SecretArguments,
)
from tools.registry import Tool

TOOLS = (
    Tool(
        name="quarantine_email",
        description="Propose to quarantine a mail in every mailbox it was delivered to and to hold further copies.",
        arguments=QuarantineArguments,
        connector="lab",
        aims_at="message_id",
    ),
    Tool(
        name="block_indicator",
        description="Propose to block an address, domain, URL, sender or file hash at the perimeter.",
        arguments=BlockArguments,
        connector="lab",
        aims_at="indicator",
    ),
    Tool(
        name="isolate_host",
        description="Propose to cut one of our hosts off from the network, reachable only for the response team.",
        arguments=IsolateArguments,
        connector="lab",
        aims_at="host",
        target={"asset": "host"},
    ),
    Tool(
        name="disable_account",
        description="Propose to disable an account so that nobody can sign in with it.",
        arguments=AccountArguments,
        connector="lab",
        aims_at="account",
        target={"identity": "account"},
    ),
    Tool(
        name="revoke_sessions",
        description="Propose to end all sessions and tokens of an account; its owner can sign in again.",
        arguments=AccountArguments,
        connector="lab",
        aims_at="account",
        target={"identity": "account"},
    ),
    Tool(
        name="rotate_secret",
        description="Propose to replace a leaked secret (key, token, password) and void the old one.",
        arguments=SecretArguments,
        connector="lab",
        # Not the secret: a redacted one has no value that two tickets share.
        aims_at="owner",
        target={"identity": "owner"},
    ),
    Tool(
        name="close_ticket",
        description="Propose to close the ticket because nothing more needs to be done.",
        arguments=CloseArguments,
        connector="lab",
    ),
)
