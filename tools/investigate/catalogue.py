"""The tools that read. Each runs in a sandbox of its own, without network, over inputs prepared outside."""

from __future__ import annotations

from core.evidence import Trust
from tools.arguments import (
    AttachmentArguments,
    CveArguments,
    HostArguments,
    IndicatorArguments,
    NoArguments,
    ScriptArguments,
    SqlArguments,
    TechniqueArguments,
    TextArguments,
    UrlArguments,
    UserArguments,
)
from tools.registry import Tool

TOOLS = (
    Tool(
        name="read_ticket",
        description="Overview of the ticket: attachments, mails, events, scripts, URLs, attempts to steer the agents.",
        arguments=NoArguments,
        entry="tools.investigate.read_ticket:run",
        needs=frozenset({"ticket", "attachments"}),
    ),
    Tool(
        name="read_email",
        description="Parse an attached mail: sender checks (SPF, DKIM, DMARC), links, attachments, signs of phishing.",
        arguments=AttachmentArguments,
        entry="tools.investigate.read_email:run",
        needs=frozenset({"attachment", "organization"}),
    ),
    Tool(
        name="inspect_url",
        description="Examine a URL without visiting it: look-alike of our domains, punycode, disguises, login pages.",
        arguments=UrlArguments,
        entry="tools.investigate.inspect_url:run",
        needs=frozenset({"organization"}),
    ),
    Tool(
        name="decode_script",
        description="Decode a script or command line layer by layer (base64, gzip, concatenation); say what it does.",
        arguments=ScriptArguments,
        entry="tools.investigate.decode_script:run",
    ),
    Tool(
        name="extract_indicators",
        description="Find URLs, domains, addresses, hashes, e-mail addresses and CVE ids, defanged ones too.",
        arguments=TextArguments,
        entry="tools.investigate.extract_indicators:run",
        needs=frozenset({"ticket", "attachments", "organization"}),
    ),
    Tool(
        name="lookup_indicator",
        description="Look an indicator up in our threat-intelligence table.",
        arguments=IndicatorArguments,
        trust=Trust.INTERNAL,
        entry="tools.investigate.lookup_indicator:run",
        needs=frozenset({"intel"}),
    ),
    Tool(
        name="lookup_asset",
        description="Look a host up in our asset inventory: criticality tier (0 is most critical), kind, owner.",
        arguments=HostArguments,
        trust=Trust.INTERNAL,
        entry="tools.investigate.lookup_asset:run",
        needs=frozenset({"asset"}),
    ),
    Tool(
        name="lookup_identity",
        description="Look a person or account up in our directory: role, privileges, usual countries.",
        arguments=UserArguments,
        trust=Trust.INTERNAL,
        entry="tools.investigate.lookup_identity:run",
        needs=frozenset({"identity"}),
    ),
    Tool(
        name="search_logs",
        description="Run one SQL query (DuckDB) over the log events that came with the ticket.",
        arguments=SqlArguments,
        entry="tools.investigate.search_logs:run",
        needs=frozenset({"ticket"}),
    ),
    Tool(
        name="lookup_technique",
        description="Find an ATT&CK technique by id or by words.",
        arguments=TechniqueArguments,
        # A reference book says nothing of the case, so it must not count as a record of our own.
        trust=Trust.UNTRUSTED,
        entry="tools.investigate.lookup_technique:run",
    ),
    Tool(
        name="lookup_vulnerability",
        description="Look a CVE up in the catalogue of known exploited vulnerabilities.",
        arguments=CveArguments,
        trust=Trust.INTERNAL,
        entry="tools.investigate.lookup_vulnerability:run",
        needs=frozenset({"vulnerability"}),
    ),
    Tool(
        name="similar_cases",
        description="Earlier tickets that share indicators with this one, and how they ended.",
        arguments=NoArguments,
        trust=Trust.INTERNAL,
        entry="tools.investigate.similar_cases:run",
        needs=frozenset({"history"}),
    ),
)
