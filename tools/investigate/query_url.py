"""What stands at a URL: fetched by the network broker, read here. Nothing on the page is executed."""

from __future__ import annotations

import re
from typing import Annotated, Any, TypedDict

from pydantic import Field

from tools.arguments import MAX_URL
from tools.investigate import lookalike
from tools.investigate.answer import InputRefused, Object, answer, clip, clip_list, present
from tools.investigate.domains import registered, under
from tools.investigate.refang import refang
from tools.investigate.web_page import WebPage, host, read_page
from tools.limits import Limits
from tools.outside import ask
from tools.tool import ToolArguments, ToolFacts, tool

#: Characters of a page's text that are shown.
MAX_SHOWN = 3_000
#: Content types that are made to be run, opened or unpacked.
DOWNLOADS = re.compile(
    r"application/(?:octet-stream|x-msdownload|x-dosexec|zip|x-zip|x-rar|vnd\.rar|x-7z|java-archive|x-iso|x-ms|msword|"
    r"vnd\.ms-|vnd\.openxmlformats|pdf|x-sh|hta|x-apple-diskimage|vnd\.android)",
    re.IGNORECASE,
)
PAGES = re.compile(r"text/html|application/xhtml", re.IGNORECASE)


class Arguments(ToolArguments):
    url: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_URL,
            description="The URL as the ticket or the evidence has it; defanged is fine. Its owner sees the visit.",
        ),
    ]


class Facts(ToolFacts):
    reached: bool = Field(description="Something answered at the end of the way.")
    status: int | None = Field(default=None, description="HTTP status of the last answer.")
    redirects: int = Field(description="Redirects that were followed.")
    final_host: str = Field(description="Host of the last URL.")
    final_domain: str = Field(description="Registered domain of the last URL, or its address.")
    left_domain: bool = Field(description="The redirects led to another registered domain.")
    cut_short: bool = Field(description="A redirect was not followed because it is forbidden or there were too many.")
    content_type: str | None = Field(default=None, description="Type of what came, without parameters.")
    download: bool = Field(description="What came is a file to be saved or opened, not a page.")
    bytes: int = Field(description="Bytes that came, after decompression.")
    complete: bool = Field(description="All of it came; false when it was cut at the limit.")
    sha256: str | None = Field(default=None, description="SHA-256 of the bytes that came.")
    title: str | None = Field(default=None, description="Title of the page; the page's own words.")
    login_form: bool = Field(description="The page asks for a password, a card number, a one-time code or the like.")
    form_leaves: bool = Field(description="A form sends to another registered domain than the page's.")
    sends_on: bool = Field(description="The page itself leads on, by meta refresh or by script.")
    obfuscated: bool = Field(description="Scripts build the page out of encoded text.")
    imitates: bool = Field(description="The page names one of our brands or domains, and its host is not ours.")
    tls_valid: bool | None = Field(default=None, description="The certificate holds; missing without TLS.")
    tls_age_days: int | None = Field(default=None, description="Days since the certificate was issued.")


class Detail(TypedDict, total=False):
    """Where it led and what was there."""

    why: str | None
    hops: list[dict[str, Any]]
    url: str
    stopped: str | None
    headers: dict[str, str]
    tls: dict[str, Any] | None
    md5: str
    start_base64: str | None
    form_targets: list[str]
    asking_fields: list[str]
    frames: list[str]
    leads_to: str | None
    text: str
    asked_at: str | None
    cached: bool


@tool(
    "Fetch a URL through the network broker and report where it leads and what is there, without running anything.",
    arguments=Arguments,
    facts=Facts,
    detail=Detail,
    needs=["organization"],
    asks=["http_get"],
    limits=Limits(seconds=45.0),
)
def run(arguments: Object, inputs: Object) -> Object:
    """One visit."""
    url = refang(arguments["url"].strip().strip("<>\"'"))
    if "://" not in url:
        url = f"http://{url.removeprefix('//')}"
    if not host(url):
        raise InputRefused("This is not a URL with a host.")
    return reported(url, ask("http_get", url=url), inputs["organization"])


def reported(url: str, came: Object, organization: Object) -> Object:
    """The facts of what the broker brought."""
    last = str(came.get("url", url))
    kind = str(came.get("headers", {}).get("content-type", "")).partition(";")[0].strip().lower()
    text = came.get("text")
    is_page = isinstance(text, str) and (bool(PAGES.match(kind)) or (not kind and "<" in text))
    page = read_page(str(text), last) if is_page else WebPage(text=str(text or ""))
    facts = {
        **_way(url, last, came),
        **_content(came, kind),
        **_page_facts(page, last, organization),
        **_tls(came.get("tls")),
    }
    return answer(_sentence(facts, came), present(facts), _detail(page, came, last))


def _way(url: str, last: str, came: Object) -> Object:
    hops = came.get("hops", [])
    reached = bool(came.get("reached"))
    return {
        "reached": reached,
        "status": came.get("status"),
        "redirects": max(0, len(hops) - 1) if reached else len(hops),
        "final_host": host(last),
        "final_domain": registered(host(last)),
        "left_domain": registered(host(last)) != registered(host(url)),
        "cut_short": bool(came.get("stopped")),
    }


def _content(came: Object, kind: str) -> Object:
    headers = came.get("headers", {})
    attached = str(headers.get("content-disposition", "")).strip().lower().startswith("attachment")
    return {
        "content_type": kind[:120] or None,
        "download": attached or bool(DOWNLOADS.match(kind)),
        "bytes": int(came.get("bytes", 0)),
        "complete": bool(came.get("complete", False)),
        "sha256": came.get("sha256"),
    }


def _page_facts(page: WebPage, url: str, organization: Object) -> Object:
    domain = registered(host(url))
    own = under(host(url), organization["domains"])
    return {
        "title": clip(page.title, 200) or None,
        "login_form": bool(page.asking_fields),
        "form_leaves": any(host(target) and registered(host(target)) != domain for target in page.form_targets),
        "sends_on": page.sends_on or page.refresh is not None,
        "obfuscated": page.builds_itself,
        "imitates": not own and _names_us(f"{page.title} {page.text[:50_000]}", organization),
    }


def _names_us(text: str, organization: Object) -> bool:
    """Whether a text names one of our brands or domains, also with look-alike letters."""
    squeezed = re.sub(r"[^a-z0-9]", "", lookalike.skeleton(text.lower()))
    names = [*organization["brands"], *organization["domains"]]
    plain = [re.sub(r"[^a-z0-9]", "", lookalike.skeleton(name.lower())) for name in names]
    return any(len(name) >= lookalike.SHORTEST and name in squeezed for name in plain)


def _tls(tls: Object | None) -> Object:
    if not tls:
        return {}
    age = tls.get("age_days")
    return {"tls_valid": bool(tls.get("valid")), "tls_age_days": age if isinstance(age, int) else None}


def _detail(page: WebPage, came: Object, last: str) -> Object:
    return {
        "why": came.get("why"),
        "hops": came.get("hops", []),
        "url": clip(last, 1000),
        "stopped": came.get("stopped"),
        "headers": came.get("headers", {}),
        "tls": came.get("tls"),
        "md5": came.get("md5", ""),
        "start_base64": came.get("start_base64"),
        "form_targets": clip_list(page.form_targets, 10),
        "asking_fields": page.asking_fields,
        "frames": clip_list(page.frames, 10),
        "leads_to": page.refresh,
        "text": clip(page.text, MAX_SHOWN),
        "asked_at": came.get("at"),
        "cached": bool(came.get("cached")),
    }


def _sentence(facts: Object, came: Object) -> str:
    if not facts["reached"]:
        return f"Nothing was reached at {facts['final_host']}: {came.get('why', 'no answer')}"
    signs = [
        said
        for name, said in (
            ("left_domain", "leads to another domain"),
            ("cut_short", "leads on to where the broker does not go"),
            ("login_form", "asks for credentials"),
            ("form_leaves", "sends a form elsewhere"),
            ("imitates", "names our brand"),
            ("download", "hands out a file"),
            ("sends_on", "leads on by itself"),
            ("obfuscated", "builds itself out of encoded text"),
        )
        if facts[name]
    ]
    if facts.get("tls_valid") is False:
        signs.append("its certificate does not hold")
    kind = facts["content_type"] or "something without a type"
    return f"{facts['final_host']} answered {facts['status']} with {kind}" + (
        f"; it {', '.join(signs)}." if signs else "."
    )
