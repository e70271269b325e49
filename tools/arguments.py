"""Arguments that several tools take, those of the tools that act, and how long arguments may be.

Every argument is mandatory, because optional ones are where models and strict schemas disagree.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tools.tool import ToolArguments

#: Characters of free text a tool takes as an argument; longer text belongs in an attachment.
MAX_TEXT = 100_000
#: Characters of one SQL query.
MAX_SQL = 4_000
#: Characters of a URL; browsers stop at about 2,000 and kits stay below 4,096.
MAX_URL = 4_096
#: Characters of a name: host, account, indicator, secret, message id.
MAX_NAME = 512

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]


class NoArguments(ToolArguments):
    """For tools that look at the ticket itself."""


class AttachmentArguments(ToolArguments):
    attachment: Annotated[int, Field(ge=0, le=19, description="Index of the attachment, counted from 0.")]


class QuarantineArguments(ToolArguments):
    message_id: Annotated[Name, Field(description="Message-ID of the mail, as read_email reported it.")]


class BlockArguments(ToolArguments):
    indicator: Annotated[Name, Field(description="Address, domain, URL, sender or file hash to block.")]


class IsolateArguments(ToolArguments):
    host: Annotated[Name, Field(description="Host to cut off from the network.")]


class AccountArguments(ToolArguments):
    account: Annotated[Name, Field(description="Account of one of our people or services.")]


class SecretArguments(ToolArguments):
    secret: Annotated[Name, Field(description="Name or id of the secret, never its value.")]
    owner: Annotated[Name, Field(description="Account or person the secret belongs to.")]


class CloseArguments(ToolArguments):
    resolution: Annotated[
        Literal["benign", "duplicate", "resolved"], Field(description="Why nothing more needs to be done.")
    ]
