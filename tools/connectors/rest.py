"""A connector that its YAML describes: looks ids up, sends once, looks whether it worked, takes it back.

It runs in the worker with real values. Nothing of arguments, requests or answers is logged or put into an exception.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

import re2

from core.canonical import Json, JsonObject, digest
from core.clock import Clock
from core.errors import CasemateError, SecretMissing, TargetUnavailable, ToolRefused
from core.ids import new_id
from core.secret_store import SecretStore
from tools.connectors import template
from tools.connectors.auth import Authenticator
from tools.connectors.connector import Probe, Send, Sent
from tools.connectors.indicators import indicator
from tools.connectors.matching import NOTHING, at, holds, passes
from tools.connectors.pace import Pace
from tools.connectors.template import Scope
from tools.connectors.wire import AnswerLost, Line, Reply, Wire
from tools.connectors.written import Auth, Carried, ConnectorFile, Find, Look, Request, as_json
from tools.connectors.written import Send as Act

#: Characters of one part of an answer that the ledger keeps.
MAX_KEPT = 200


class RestConnector:
    """Safe for threads: the connections, the token and the pace are shared by the whole process."""

    def __init__(
        self, written: ConnectorFile, secrets: SecretStore, clock: Clock, *, ca_file: str | None = None
    ) -> None:
        """Nothing is sent and no secret is looked up yet.

        Raises:
            TriageError: the file of certificates cannot be used.
        """
        self.written = written
        self.name = written.name
        self._secrets = secrets
        self._clock = clock
        self._line = Line(written.limits, ca_file=ca_file, language=written.answers)
        self._auth = Authenticator(written.auth or Auth.model_construct(), secrets, clock, self._line)
        self._pace = Pace(written.limits.per_minute, clock)
        self._versions = {tool: _version(written, tool) for tool in written.tools}

    def version(self, tool: str) -> str:
        """Digest of everything that decides what is sent for a tool; limits and other tools are no part of it."""
        return self._versions[tool]

    def repeatable(self, tool: str) -> bool:
        """See `Preparing.repeatable`."""
        return self._carried(tool).repeatable

    def execute(self, tool: str, args: JsonObject, key: str) -> Sent:
        """See `Connector.execute`."""
        return self.prepare(tool, args, key)()

    def prepare(self, tool: str, args: JsonObject, key: str) -> Send:
        """See `Preparing.prepare`: checks the arguments and runs the look-ups."""
        carried = self._carried(tool)
        return self._prepared(tool, args, key, carried.send, carried.find)

    def undo(self, tool: str, args: JsonObject, key: str) -> Sent:
        """See `Connector.undo`. What cannot be undone is not accepted."""
        carried = self._carried(tool)
        if carried.undo is None:
            return Sent(accepted=False, detail={"reason": "this connector cannot take it back"})
        return self._prepared(tool, args, key, carried.undo, {**carried.find, **carried.undo.find})()

    def probe(self, tool: str, args: JsonObject, key: str = "") -> Probe:
        """See `Connector.probe`. Whatever keeps it from looking is `unknown`."""
        carried = self._carried(tool)
        if carried.probe is None:
            return Probe(state="unknown", detail={"reason": carried.blind}, blind=True)
        try:
            return self._looked(carried.probe, self._scope(tool, args, key), {**carried.find, **carried.probe.find})
        except CasemateError as error:
            return Probe(state="unknown", detail={"reason": str(error)})

    def close(self) -> None:
        """Give the connections back."""
        self._line.close()

    def reach(self) -> str | None:
        """Ask the target for nothing in particular: None when it answers, else what is wrong, in one sentence."""
        wire = Wire(method="GET", url=self.written.base_url or "/", headers={}, body=b"")
        try:
            reply = self._line.send(self._auth.signed(wire, new_id("ref")))
        except CasemateError as error:
            return str(error)
        return "The target does not take our credentials (401)." if reply.status == 401 else None

    # --- what is sent

    def _carried(self, tool: str) -> Carried:
        if tool not in self.written.tools:
            raise ToolRefused(f"The connector {self.name} cannot carry out {tool[:80]!r}.")
        return self.written.tools[tool]

    def _scope(self, tool: str, args: JsonObject, key: str) -> Scope:
        """What placeholders stand for, once the arguments are what the connector expects.

        Raises:
            ToolRefused: one of them is not.
        """
        return scope_of(self._carried(tool), tool, args, key=key, now=self._clock.now(), secret=self._secret)

    def _secret(self, name: str) -> str:
        return self._secrets.get(name).get_secret_value()

    def _prepared(self, tool: str, args: JsonObject, key: str, act: Act, finds: Mapping[str, Find]) -> Send:
        scope = self._scope(tool, args, key)
        wanted = needed(act, finds)
        self._wait_turn(len(wanted) + 1)
        scope = self._found(wanted, scope)
        wire = self._signed(request(self.written, act, scope), key)
        return lambda: self._acted(act, wire, key, scope)

    def _acted(self, act: Act, wire: Wire, key: str, scope: Scope) -> Sent:
        """Send the request that acts, and say what the answer means for the action."""
        try:
            reply = self._line.send(wire)
            if reply.status == 401 and self._auth.renewable:  # refused, so nothing was done: once more, freshly signed
                self._auth.forget()
                reply = self._line.send(self._signed(request(self.written, act, scope), key))
            self._check_patience(reply)
            if reply.status >= 500 or reply.status == 408:
                return Sent(accepted=False, lost=True, detail={"status": reply.status})
            if not 200 <= reply.status < 300 and reply.status not in act.success.status:
                return Sent(accepted=False, detail={"status": reply.status})
            answer = reply.value() if act.success.where or act.keep else {}
            accepted = passes(act.success, reply.status, answer, scope)
            return Sent(accepted=accepted, detail={"status": reply.status, **_kept(act, answer)})
        except AnswerLost as lost:
            return Sent(accepted=False, lost=True, detail={"reason": str(lost)})

    def _looked(self, look: Look, scope: Scope, finds: Mapping[str, Find]) -> Probe:
        wanted = needed(look, finds)
        self._wait_turn(len(wanted) + 1)
        scope = self._found(wanted, scope)
        reply = self._asked(look, scope)
        for state, checks in (("yes", look.yes), ("no", look.no)):
            if any(passes(check, reply.status, reply.value() if check.where else {}, scope) for check in checks):
                return Probe(state="yes" if state == "yes" else "no", detail={"status": reply.status})
        return Probe(state="unknown", detail={"status": reply.status, "reason": "the answer shows neither yes nor no"})

    # --- look-ups

    def _found(self, finds: Mapping[str, Find], scope: Scope) -> Scope:
        """The scope with what the look-ups found, each able to use those before it."""
        for name, find in finds.items():
            scope = replace(scope, found={**scope.found, name: self._chosen(name, find, scope)})
        return scope

    def _chosen(self, name: str, find: Find, scope: Scope) -> Json:
        reply = self._asked(find, scope)
        if reply.status == 404 and 404 not in find.status:
            raise ToolRefused(f"The target knows no such {name}, so nothing was sent.")
        if reply.status not in find.status:
            raise ToolRefused(f"The target refuses to look up the {name} ({reply.status}), so nothing was sent.")
        answer = reply.value()
        items = answer if find.among is None else at(find.among, answer)
        items = items if find.among is not None and isinstance(items, list) else [] if find.among else [items]
        fitting = [item for item in items if holds(find.where, item, scope)]
        if not fitting:
            raise ToolRefused(f"The target knows no such {name}, so nothing was sent.")
        if len(fitting) > 1 and not find.all:
            raise ToolRefused(
                f"The target knows {len(fitting)} entries for the {name} and one is meant; nothing was sent."
            )
        taken = [_taken(find, item) for item in fitting]
        if any(value is NOTHING or value in (None, "") for value in taken):
            raise ToolRefused(f"The target's answer about the {name} lacks what is needed, so nothing was sent.")
        return taken if find.all else taken[0]

    def _asked(self, asked: Request, scope: Scope) -> Reply:
        """One request that changes nothing.

        Raises:
            TargetUnavailable: no answer that can be used now.
        """
        for last in (False, True):
            try:
                reply = self._line.send(self._signed(request(self.written, asked, scope), new_id("ref")))
                self._check_patience(reply, authenticated=last or not self._auth.renewable)
                if reply.status == 401:
                    self._auth.forget()
                    continue
                if reply.status >= 500:
                    raise TargetUnavailable(f"The target is unwell ({reply.status}); it is asked again.")
                if 200 <= reply.status < 300:
                    reply.value()
                return reply
            except AnswerLost as lost:
                raise TargetUnavailable(str(lost)) from None
        raise AssertionError

    # --- patience and credentials

    def _wait_turn(self, requests: int) -> None:
        wait = self._pace.take(requests)
        if wait > 0:
            raise TargetUnavailable(f"{self.name} may not be asked for another {wait:.0f} seconds; it is tried again.")

    def _check_patience(self, reply: Reply, *, authenticated: bool = True) -> None:
        """Raises:
        TargetUnavailable: the target did nothing, because it wants to be left alone or does not know us.
        """
        if reply.status == 429:
            pause = self._pace.pause(reply.headers.get("retry-after"))
            raise TargetUnavailable(f"{self.name} wants to be left alone for {pause:.0f} seconds; it is tried again.")
        if reply.status == 401 and authenticated:
            raise TargetUnavailable(
                f"{self.name} does not take our credentials: mend the secrets its file names; then it is tried again."
            )

    def _signed(self, wire: Wire, message_id: str) -> Wire:
        try:
            return self._auth.signed(wire, message_id)
        except SecretMissing as missing:  # an operator mends that; nothing was sent
            raise TargetUnavailable(str(missing)) from None


def scope_of(
    carried: Carried, tool: str, args: JsonObject, *, key: str, now: datetime, secret: Callable[[str], str]
) -> Scope:
    """What placeholders stand for in one action.

    Raises:
        ToolRefused: an argument is not what the connector expects.
    """
    for name, pattern in carried.expects.items():
        if not re2.fullmatch(pattern, str(args.get(name, ""))):
            raise ToolRefused(f"`args.{name}` is not what this connector can take, so nothing was sent.")
    types = carried.indicator
    known = indicator(str(args[types.argument]), types.types, types.argument) if types else {}
    return Scope(tool=tool, key=key, args=args, now=now, secret=secret, indicator=known)


def needed(asked: Request, finds: Mapping[str, Find]) -> dict[str, Find]:
    """The look-ups that a request uses, and those that these use, in the order they are written."""
    names = _names(as_json(asked))
    wanted: dict[str, Find] = {}
    for name, find in reversed(list(finds.items())):
        if name in names:
            wanted[name] = find
            names |= _names(as_json(find))
    return dict(reversed(list(wanted.items())))


def _names(written: Json) -> set[str]:
    return {place.name.split(".")[1] for place in template.places(written) if place.name.startswith("found.")}


def request(written: ConnectorFile, asked: Request, scope: Scope) -> Wire:
    """A request with its placeholders filled, not signed yet.

    Raises:
        ToolRefused: a value cannot stand where it should.
        TargetUnavailable: a secret is not there.
    """
    url = written.base_url + template.fill_path(asked.url, scope)
    if asked.query:
        url += "?" + template.fill_query(asked.query, scope)
    try:
        headers = {
            name.lower(): template.fill_text(text, scope) for name, text in {**written.headers, **asked.headers}.items()
        }
    except SecretMissing as missing:
        raise TargetUnavailable(str(missing)) from None
    headers.setdefault("accept", "application/json" if written.answers == "json" else "text/xml")
    body = b""
    if asked.body is not None:
        headers["content-type"] = "application/json"
        body = json.dumps(template.fill_json(asked.body, scope), ensure_ascii=False, separators=(",", ":")).encode()
    elif asked.form is not None:
        headers["content-type"] = "application/x-www-form-urlencoded; charset=utf-8"
        body = template.fill_query(asked.form, scope).encode()
    return Wire(method=asked.method, url=url, headers=headers, body=body)


def _taken(find: Find, item: Json) -> Json:
    if isinstance(find.value, str):
        return at(find.value, item)
    parts = {name: at(pointer, item) for name, pointer in find.value.items()}
    return NOTHING if any(part is NOTHING for part in parts.values()) else parts


def _kept(act: Act, answer: Json) -> JsonObject:
    """The parts of an answer that the ledger keeps: short scalars."""
    found = {name: at(pointer, answer) for name, pointer in act.keep.items()}
    return {
        name: value[:MAX_KEPT] if isinstance(value, str) else value
        for name, value in found.items()
        if isinstance(value, str | int | float)
    }


def _version(written: ConnectorFile, tool: str) -> str:
    parts: Iterable[str] = ("name", "base_url", "headers", "answers")
    whole = {name: getattr(written, name) for name in parts}
    auth = as_json(written.auth) if written.auth is not None else {}
    return f"sha256:{digest({**whole, 'auth': auth, 'tool': as_json(written.tools[tool])})}"
