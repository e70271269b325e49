"""Says what kind of ticket a ticket is, when its sender does not: by attachments, field names, then words."""

from __future__ import annotations

import re

from core.canonical import Json
from core.ticket import Original

#: Characters of title and body looked at.
MAX_TEXT = 20_000
#: Field names and values looked at.
MAX_FIELDS = 5_000

_MAIL_NAME = re.compile(r"\.(eml|msg|mbox)$", re.IGNORECASE)
_MAIL_HEADER = re.compile(rb"^(received|return-path|from|message-id|delivered-to):", re.IGNORECASE | re.MULTILINE)

#: Field names that only one kind of source uses; two of a row decide.
_SHAPES: tuple[tuple[str, frozenset[str]], ...] = (
    ("vulnerability", frozenset({"cve", "cves", "cve_id", "cvss", "cvss_score", "internet_facing", "epss", "package"})),
    (
        "leaked_credential",
        frozenset(
            {
                "secret_type",
                "secret_id",
                "validity",
                "publicly_leaked",
                "secret_type_display_name",
                "compromised_emails",
            }
        ),
    ),
    (
        "endpoint",
        frozenset(
            {"commandline", "command_line", "parentimage", "parentprocessname", "imagefilename", "processname", "aid"}
            | {"parentbasefilename", "sha256hashdata", "process_name", "computername", "hostidentifier", "agentid"}
        ),
    ),
    (
        "cloud",
        frozenset(
            {"eventsource", "awsregion", "useridentity", "requestparameters", "recipientaccountid", "protopayload"}
            | {"detectorid", "resourceid", "operationversion", "methodname", "objectref", "auditid", "callerip"}
        ),
    ),
    (
        "identity",
        frozenset(
            {"userprincipalname", "authenticationcontext", "ipaddress", "appdisplayname", "conditionalaccessstatus"}
            | {"securitycontext", "debugcontext", "legacyeventtype", "clientappused", "factor", "auth_device"}
            | {"access_device", "login_type", "authtype"}
        ),
    ),
    ("phishing", frozenset({"phishscore", "impostorscore", "headerfrom", "spamscore", "reported_by", "toaddresses"})),
)

#: Words that decide when the shape does not, the most telling kinds first.
_WORDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("vulnerability", re.compile(r"\bcve-\d{4}-\d+|\bvulnerab|\bunpatched|\bpatch(es)? (missing|due)", re.IGNORECASE)),
    (
        "leaked_credential",
        re.compile(
            r"\b(leaked|exposed|committed|hard-?coded)\b.{0,40}\b(secret|key|token|credential|password)", re.IGNORECASE
        ),
    ),
    (
        "phishing",
        re.compile(r"\bphish|\bsuspicious (e-?mail|mail|message)\b|\breported (e-?mail|mail)\b", re.IGNORECASE),
    ),
    (
        "endpoint",
        re.compile(r"\bedr\b|\bpowershell\b|\bmalware\b|\bransom|\bmimikatz\b|\blsass\b|\bendpoint\b", re.IGNORECASE),
    ),
    (
        "cloud",
        re.compile(
            r"\bcloudtrail\b|\bguardduty\b|\bs3 bucket\b|\biam\b|\baccess key\b|\bkubernetes\b|\bsecurity group\b",
            re.IGNORECASE,
        ),
    ),
    (
        "identity",
        re.compile(
            r"\bsign-?ins?\b|\blog-?ins?\b|\bimpossible travel\b|\bmfa\b|\bpassword spray|\bbrute.?force", re.IGNORECASE
        ),
    ),
)


def classify(original: Original) -> str:
    """The kind of `original`; `other` when nothing points anywhere."""
    if any(_is_mail(a.name, a.content) for a in original.attachments):
        return "phishing"
    names = _names(original.fields)
    best = max(_SHAPES, key=lambda shape: len(names & shape[1]))
    if len(names & best[1]) >= 2:
        return best[0]
    text = f"{original.title}\n{original.body}"[:MAX_TEXT]
    for kind, words in _WORDS:
        if words.search(text):
            return kind
    return best[0] if names & best[1] else "other"


def _is_mail(name: str, content: bytes) -> bool:
    head = content[:2000]
    return bool(_MAIL_NAME.search(name)) or len({m.group(1).lower() for m in _MAIL_HEADER.finditer(head)}) >= 2


def _names(fields: Json) -> set[str]:
    found: set[str] = set()
    stack = [fields]
    for _ in range(MAX_FIELDS):
        if not stack:
            break
        value = stack.pop()
        if isinstance(value, dict):
            found.update(str(key).lower() for key in value)
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
    return found
