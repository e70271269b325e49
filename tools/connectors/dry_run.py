"""What a connector would send, with nothing sent: secrets, tokens and signatures are named and not shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from core.canonical import Json, JsonObject
from core.clock import Clock
from tools.connectors.indicators import Kind
from tools.connectors.rest import needed, request, scope_of
from tools.connectors.template import Scope
from tools.connectors.written import Auth, Carried, ConnectorFile, Find, Request

#: What stands for each argument when nobody says.
EXAMPLES: JsonObject = {
    "host": "ws-example",
    "account": "someone@example.com",
    "owner": "someone",
    "secret": "example-key",
    "expected_secret": "AKIAIOSFODNN7EXAMPLE",
    "message_id": "<message@example.com>",
    "resolution": "resolved",
}
INDICATORS: Mapping[Kind, str] = {
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "domain": "example.com",
    "url": "https://example.com/path",
    "email": "someone@example.com",
    "md5": "0" * 32,
    "sha1": "0" * 40,
    "sha256": "0" * 64,
}


def dry_run(written: ConnectorFile, tool: str, args: JsonObject, clock: Clock) -> list[JsonObject]:
    """Every request of a tool in order, as `{"step", "method", "url", "headers", "body"}`.

    Raises:
        ToolRefused: the arguments are not what the connector can take.
    """
    carried = written.tools[tool]
    hidden = "<secret {}>".format
    scope = scope_of(carried, tool, args, key="casemate-prp_EXAMPLE", now=clock.now(), secret=hidden)
    shown: list[JsonObject] = []
    sections: list[tuple[str, Request, Mapping[str, Find]]] = [("send", carried.send, carried.find)]
    if carried.probe is not None:
        sections.append(("probe", carried.probe, {**carried.find, **carried.probe.find}))
    if carried.undo is not None:
        sections.append(("undo", carried.undo, {**carried.find, **carried.undo.find}))
    seen: set[str] = set()
    for step, asked, finds in sections:
        filled = scope
        for name, find in needed(asked, finds).items():
            if name not in seen:
                shown.append(_shown(written, f"find {name}", find, filled))
                seen.add(name)
            filled = replace(filled, found={**filled.found, name: _stand_in(name, find)})
        shown.append(_shown(written, step, asked, filled))
    return shown


def _stand_in(name: str, find: Find) -> Json:
    """What stands for something that only the target knows."""
    one: Json = f"FOUND_{name.upper()}"
    if not isinstance(find.value, str):
        one = {part: f"FOUND_{name.upper()}_{part.upper()}" for part in find.value}
    return [one] if find.all else one


def _shown(written: ConnectorFile, step: str, asked: Request, scope: Scope) -> JsonObject:
    wire = request(written, asked, scope)
    body: Json = wire.body.decode()
    return {
        "step": step,
        "method": wire.method,
        "url": wire.url,
        "headers": {**wire.headers, **_proof(written.auth)},
        "body": json.loads(body) if asked.body is not None else body,
    }


def _proof(auth: Auth | None) -> dict[str, str]:
    """The headers that prove who sends it, without what they hold."""
    if auth is None:
        return {}
    if auth.aws is not None:
        return {"x-amz-date": "<now>", "authorization": "AWS4-HMAC-SHA256 <signature>"}
    if auth.webhook is not None:
        return {"webhook-id": "<key>", "webhook-timestamp": "<now>", "webhook-signature": "v1,<signature>"}
    if auth.hmac is not None:
        return {auth.hmac.timestamp_header: "<now>", auth.hmac.header: f"{auth.hmac.prefix}<signature>"}
    return {"authorization": "Basic <secret>" if auth.basic is not None else "Bearer <token>"}


def examples(carried: Carried, names: Iterable[str]) -> JsonObject:
    """Arguments to show a connector with."""
    found: JsonObject = {name: EXAMPLES.get(name, "example") for name in names}
    if carried.indicator is not None:
        kind = next(iter(carried.indicator.types))
        found[carried.indicator.argument] = INDICATORS[kind]
    for name in carried.expects:
        found[name] = EXAMPLES.get(f"expected_{name}", found[name])
    return found
