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
        words="Quarantine the mail {message_id}",
        does="It leaves every mailbox it was delivered to, and further copies are held back.",
        undone="Releasing it puts it back into the mailboxes and lets further copies through.",
    ),
    Tool(
        name="block_indicator",
        description="Propose to block an address, domain, URL, sender or file hash at the perimeter.",
        arguments=BlockArguments,
        connector="lab",
        aims_at="indicator",
        words="Block {indicator}",
        does="At the perimeter nothing of ours reaches it any more, and nothing from it reaches us.",
        undone="Lifting the block lets it through again.",
    ),
    Tool(
        name="isolate_host",
        description="Propose to cut one of our hosts off from the network, reachable only for the response team.",
        arguments=IsolateArguments,
        connector="lab",
        aims_at="host",
        target={"asset": "host"},
        words="Isolate the host {host}",
        does="It is cut off from the network: whoever works on it and whatever runs on it is offline. Only "
        "the response team reaches it.",
        undone="Releasing it brings it back to the network.",
    ),
    Tool(
        name="disable_account",
        description="Propose to disable an account so that nobody can sign in with it.",
        arguments=AccountArguments,
        connector="lab",
        aims_at="account",
        target={"identity": "account"},
        words="Disable the account {account}",
        does="Nobody can sign in with it, its sessions end, and what runs under it stops.",
        undone="Enabling it lets its owner sign in again; sessions that ended stay ended.",
    ),
    Tool(
        name="revoke_sessions",
        description="Propose to end all sessions and tokens of an account; its owner can sign in again.",
        arguments=AccountArguments,
        connector="lab",
        aims_at="account",
        target={"identity": "account"},
        words="End all sessions of {account}",
        does="The account is signed out everywhere; its owner can sign in again at once.",
        undone="It cannot be taken back, and need not be: its owner signs in again.",
        final=True,
    ),
    Tool(
        name="rotate_secret",
        description="Propose to replace a leaked secret (key, token, password) and void the old one.",
        arguments=SecretArguments,
        connector="lab",
        # Not the secret: a redacted one has no value that two tickets share.
        aims_at="owner",
        target={"identity": "owner"},
        words="Replace the secret {secret} of {owner}",
        does="A new secret is made and the old one is void: whatever uses the old one fails until it is "
        "given the new one.",
        undone="It cannot be taken back: the old secret stays void.",
        final=True,
    ),
    Tool(
        name="close_ticket",
        description="Propose to close the ticket because nothing more needs to be done.",
        arguments=CloseArguments,
        connector="lab",
        words="Close the ticket as {resolution}",
        does="The ticket is closed at its source, and nobody works on it any more.",
        undone="Reopening it at its source.",
    ),
)
