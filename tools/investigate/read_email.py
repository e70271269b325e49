"""An attached mail read the way an analyst does: who sent it really, what it wants, where it leads, what it carries."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TypedDict
from urllib.parse import urlsplit

from pydantic import Field

from tools.arguments import AttachmentArguments
from tools.investigate import attached_file, html_text, lookalike, mail_auth, message, wording
from tools.investigate.answer import InputRefused, Object, answer, clip, clip_list, plural
from tools.investigate.domains import known_suffix, registered, under
from tools.investigate.files.budget import Budget
from tools.investigate.refang import refang
from tools.tool import ToolFacts, tool

#: Characters of text shown; the rest is marked as cut.
MAX_TEXT = 4_000
#: Links and files listed.
MAX_LISTED = 40
SHOWN_HOST = re.compile(r"(?:https?://)?((?:[a-z0-9-]{1,63}\.)+[a-z]{2,24})(?=[/:?#\s]|$)", re.IGNORECASE)


class Facts(ToolFacts):
    """Of a mail that one of our own people reports by forwarding it, the facts are those of the mail inside."""

    parsed: bool = Field(description="The file is a mail.")
    defects: int = Field(description="Breaches of the mail format.")
    from_domain: str = Field(description="Domain of the sender; empty when there is none.")
    from_internal: bool = Field(description="The sender's domain is ours.")
    display_name_spoof: bool = Field(description="The display name claims another address, our name or our people.")
    reply_to_differs: bool = Field(description="Answers would go to another registered domain.")
    return_path_differs: bool = Field(description="Bounces would go to another registered domain.")
    spf: mail_auth.Result = Field(description="What the receiving server said of SPF.")
    dkim: mail_auth.Result = Field(description="What the receiving server said of DKIM.")
    dmarc: mail_auth.Result = Field(description="What the receiving server said of DMARC.")
    auth_trusted: bool = Field(description="Our own server said it; anybody can write such a header into a mail.")
    links: int = Field(description="Different links.")
    link_mismatch: bool = Field(description="A link shows one site and leads to another.")
    link_domains: int = Field(description="Different registered domains that links lead to.")
    attachments: int = Field(description="Files inside.")
    risky_attachments: int = Field(description="Files inside that are dangerous to open.")
    urgency: bool = Field(description="It presses for time or threatens a loss.")
    credential_request: bool = Field(description="It asks to sign in, to confirm, or for a secret.")
    payment_request: bool = Field(description="It asks for money, or to send it elsewhere than before.")
    bulk: bool = Field(description="It is marked as sent to many.")
    html_form: bool = Field(description="It holds a form.")
    lookalike_sender: bool = Field(description="The sender's domain is made to look like ours.")
    partner_sender: bool = Field(description="The sender's domain belongs to a partner we exchange mail with.")
    hops: int = Field(description="Servers it says it passed.")


class Link(TypedDict):
    """One link: where it leads, what it shows, and whether the two differ."""

    url: str
    text: str
    domain: str
    own: bool
    mismatch: bool


class File(TypedDict):
    """One file inside, and every reason to be careful with it."""

    name: str
    type: str
    size: int
    sha256: str
    risky: bool
    why: list[str]


#: Only `size` for a file that is no mail. Not a class, because `from` is a word of Python.
Detail = TypedDict(
    "Detail",
    {
        "from": str,
        "reply_to": str,
        "return_path": str,
        "recipients": list[str],
        "subject": str,
        "date": str,
        "message_id": str,
        "authserv_id": str,
        "reported_by": str | None,
        "links": list[Link | str],
        "attachments": list[File | str],
        "text": str,
        "hidden_text": str,
        "unread": list[str],
        "size": int,
    },
    total=False,
)


@tool(
    "Parse an attached mail: sender checks (SPF, DKIM, DMARC), links, attachments, signs of phishing.",
    arguments=AttachmentArguments,
    facts=Facts,
    detail=Detail,
    needs=["attachment", "organization"],
    imports=["authres"],
)
def run(arguments: Object, inputs: Object) -> Object:
    """Refused when the ticket has no such attachment."""
    attachment = inputs["attachment"]
    if attachment is None:
        raise InputRefused(f"The ticket has no attachment {arguments['attachment']}; read_ticket lists them from 0.")
    return read(base64.b64decode(attachment["content_base64"]), inputs["organization"])


def read(raw: bytes, organization: Object) -> Object:
    """All facts about one mail; for a report that wraps the suspicious mail, about the one inside."""
    outer = message.parse(raw)
    if outer is None:
        return answer("The file is not an e-mail message.", _facts_of_nothing(), {"size": len(raw)})
    mail = message.read(outer)
    inner = _reported(outer, mail, organization)
    headers = inner or outer
    auth = mail_auth.read(headers, organization["trusted_authserv_ids"])
    sender = _sender(headers, organization)
    links = _links(mail, organization)
    budget, unread = Budget(), mail.unread
    files = [_file(file, budget, unread) for file in mail.files]
    text = f"{message.header(headers, 'subject')}\n{mail.text}"
    facts = {
        "parsed": True,
        "defects": mail.defects,
        **sender,
        "spf": auth.spf,
        "dkim": auth.dkim,
        "dmarc": auth.dmarc,
        "auth_trusted": auth.trusted,
        "links": len(links),
        "link_mismatch": any(link["mismatch"] for link in links),
        "link_domains": len({link["domain"] for link in links if link["domain"]}),
        "attachments": len(files),
        "risky_attachments": sum(file["risky"] for file in files),
        "urgency": wording.urgent(text),
        "credential_request": wording.asks_credentials(text),
        "payment_request": wording.asks_payment(text),
        "bulk": _bulk(headers),
        "html_form": mail.form,
        "hops": len(message.headers(headers, "received")),
    }
    detail = {
        "from": _shown(headers, "from"),
        "reply_to": _shown(headers, "reply-to"),
        "return_path": message.header(headers, "return-path").strip("<> "),
        "recipients": clip_list(_shown_all(headers, "to") + _shown_all(headers, "cc"), 20),
        "subject": clip(message.header(headers, "subject"), 500),
        "date": message.header(headers, "date"),
        "message_id": message.header(headers, "message-id").strip(),
        "authserv_id": auth.authserv_id,
        "reported_by": _shown(outer, "from") if inner is not None else None,
        "links": clip_list(links, MAX_LISTED),
        "attachments": clip_list(files, MAX_LISTED),
        "text": clip(mail.text, MAX_TEXT),
        "hidden_text": clip(mail.hidden.strip(), 1000),
        "unread": clip_list(list(dict.fromkeys(unread)), MAX_LISTED),
    }
    rest = " Not everything in it could be read." if unread else ""
    return answer(f"{_sentence(facts)}{rest}", facts, detail)


def _reported(outer: message.AnyMessage, mail: message.Mail, organization: Object) -> message.AnyMessage | None:
    """The wrapped mail when one of our own people reports it.

    A foreign mail that wraps another one is judged itself: else an attacker would enclose a harmless mail to be judged
    by that. The same goes for a mail that only claims to be ours and failed our own server's check.
    """
    if not mail.inner:
        return None
    senders = message.addresses(outer, "from")
    domain = message.domain_of(senders[0][1]) if senders else ""
    auth = mail_auth.read(outer, organization["trusted_authserv_ids"])
    if domain and not under(domain, organization["domains"]):
        return None
    if auth.trusted and "fail" in (auth.dmarc, auth.spf):
        return None
    return mail.inner[0]


def _sender(headers: message.AnyMessage, organization: Object) -> Object:
    senders = message.addresses(headers, "from")
    shown, address = senders[0] if senders else ("", "")
    domain = message.domain_of(address)
    own: list[str] = organization["domains"]
    internal = bool(domain) and under(domain, own)
    reply = [message.domain_of(a) for _, a in message.addresses(headers, "reply-to")]
    bounce = [message.domain_of(a) for _, a in message.addresses(headers, "return-path")]
    like = lookalike.compare(domain, own, organization["brands"])
    return {
        "from_domain": domain,
        "from_internal": internal,
        "display_name_spoof": not internal and _pretends(shown, domain, organization),
        "reply_to_differs": _differs(domain, reply),
        "return_path_differs": _differs(domain, bounce),
        "lookalike_sender": bool(like.of) or like.brand_in_host,
        "partner_sender": bool(domain) and under(domain, organization["mail_partners"]),
    }


def _pretends(shown: str, domain: str, organization: Object) -> bool:
    """Does the display name claim another address, one of our people, or our name?"""
    claimed = re.search(r"[\w.+-]{1,64}@([\w.-]{3,253})", shown)
    if claimed and registered(claimed.group(1).lower()) != registered(domain):
        return True
    words = lookalike.skeleton(re.sub(r"[^\w]", "", shown.lower()))
    names = [*organization["brands"], *organization["people"]]
    return any(len(n) > 4 and lookalike.skeleton(re.sub(r"[^\w]", "", n.lower())) in words for n in names)


def _differs(domain: str, others: list[str]) -> bool:
    return bool(domain) and any(other and registered(other) != registered(domain) for other in others)


def _links(mail: message.Mail, organization: Object) -> list[Object]:
    links, seen = [], set()
    for link in mail.links[: html_text.MAX_LINKS]:
        host = _host(link.url)
        if not host and not re.match(r"(?:javascript|data|vbscript|file|search-ms|ms-\w+):", link.url, re.IGNORECASE):
            continue
        text = " ".join(link.text.split())
        key = (link.url, text)
        if key not in seen:
            seen.add(key)
            links.append(
                {
                    "url": clip(link.url, 500),
                    "text": clip(text, 200),
                    "domain": registered(host) if host else "",
                    "own": under(host, organization["domains"]),
                    "mismatch": _mismatch(text, host),
                }
            )
    return links


def _host(url: str) -> str:
    try:
        parts = urlsplit(
            url if "//" in url else f"//{url}" if re.match(r"[\w.-]+\.[a-z]{2,}", url, re.IGNORECASE) else url
        )
        return (parts.hostname or "").rstrip(".") if parts.scheme in {"", "http", "https", "ftp"} else ""
    except ValueError:
        return ""


def _mismatch(text: str, host: str) -> bool:
    """Does the text show one site while the link leads to another? Names without a real suffix are not sites."""
    match = SHOWN_HOST.match(refang(text))
    if match is None or not host or " " in text.strip():
        return False
    shown = match.group(1).lower()
    return known_suffix(shown) and registered(shown) != registered(host)


def _file(file: message.File, budget: Budget, unread: list[str]) -> Object:
    why, closed = attached_file.judged(file.name, file.content, budget)
    unread += [f"{clip(file.name, 200)}: {line}" for line in closed]
    return {
        "name": clip(file.name, 200),
        "type": file.type,
        "size": len(file.content),
        "sha256": hashlib.sha256(file.content).hexdigest(),
        "risky": bool(why),
        "why": why,
    }


def _bulk(headers: message.AnyMessage) -> bool:
    precedence = message.header(headers, "precedence").lower()
    return precedence in {"bulk", "list", "junk"} or any(
        message.header(headers, name) for name in ("list-unsubscribe", "list-id", "feedback-id", "x-campaign-id")
    )


def _shown(headers: message.AnyMessage, name: str) -> str:
    return next(iter(_shown_all(headers, name)), "")


def _shown_all(headers: message.AnyMessage, name: str) -> list[str]:
    return [clip(f"{n} <{a}>" if n else a, 300) for n, a in message.addresses(headers, name)]


def _facts_of_nothing() -> Object:
    flags = ("parsed", "from_internal", "display_name_spoof", "reply_to_differs", "return_path_differs", "auth_trusted",
             "link_mismatch", "urgency", "credential_request", "payment_request", "bulk", "html_form",
             "lookalike_sender", "partner_sender")  # fmt: skip
    counts = ("defects", "links", "link_domains", "attachments", "risky_attachments", "hops")
    return {
        "from_domain": "",
        **dict.fromkeys(flags, False),
        **dict.fromkeys(counts, 0),
        **dict.fromkeys(mail_auth.METHODS, "missing"),
    }


def _sentence(facts: Object) -> str:
    signs = [
        words
        for name, words in (
            ("display_name_spoof", "the display name claims somebody else"),
            ("lookalike_sender", "the sender's domain looks like ours"),
            ("reply_to_differs", "answers go to another domain"),
            ("link_mismatch", "a link shows one site and leads to another"),
            ("html_form", "it holds a form"),
            ("credential_request", "it asks for credentials"),
            ("payment_request", "it asks for money"),
            ("urgency", "it presses for time"),
        )
        if facts[name]
    ]
    if facts["risky_attachments"]:
        signs.append(f"{plural(facts['risky_attachments'], 'risky attachment')}")
    whose = "our own domain" if facts["from_internal"] else facts["from_domain"] or "no usable sender"
    said = f"spf={facts['spf']} dkim={facts['dkim']} dmarc={facts['dmarc']}"
    by = "by our server" if facts["auth_trusted"] else "not by our server"
    return f"Mail from {whose} ({said}, {by}), {plural(facts['links'], 'link')}; " + (
        "; ".join(signs) + "." if signs else "no sign of phishing in its form."
    )
