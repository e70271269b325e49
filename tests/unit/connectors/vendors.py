"""Vendors as their public API references describe them, with a little state: what is done can be seen, and undone."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from tests.unit.connectors.conftest import SECRETS
from tests.unit.connectors.target import Answer, Asked

MACHINE = "1e5bc9d7e413ddd7902c2932e418702b84d0cc07"
AID = "6e0a1f2b3c4d5e6f7a8b9c0d1e2f3a4b"
USER = "87d349ed-44d7-43e1-9a83-5f2406dee5bd"
HOST, ACCOUNT, MAIL = "WS-TRE-014", "anna.lindqvist@harbourbank.example", "<x1@evil.example>"
KEY_ID = "AKIAIOSFODNN7EXAMPLE"


@dataclass
class Vendor:
    """State that the requests change."""

    state: dict[str, Any] = field(default_factory=dict)
    #: Tokens handed out; only the last is good.
    tokens: int = 0

    def __call__(self, asked: Asked) -> Answer | None:
        raise NotImplementedError

    def token(self, asked: Asked, client: str, secret: str) -> Answer:
        form = asked.form
        if form != {**form, "grant_type": "client_credentials", "client_id": client, "client_secret": secret}:
            return Answer(status=401, body={"error": "invalid_client"})
        self.tokens += 1
        return Answer(body={"token_type": "Bearer", "expires_in": 3599, "access_token": f"token-{self.tokens}"})

    def knows(self, asked: Asked) -> bool:
        return asked.headers.get("authorization") == f"Bearer token-{self.tokens}"


class Defender(Vendor):
    """Machines, machine actions and indicators of Defender for Endpoint."""

    def __call__(self, asked: Asked) -> Answer | None:
        if asked.path == "/tenant-1/oauth2/v2.0/token":
            return self.token(asked, "the-client", SECRETS["microsoft_client_secret"])
        if not self.knows(asked):
            return Answer(status=401, body={"error": {"code": "Unauthorized"}})
        actions = self.state.setdefault("actions", [])
        entries = self.state.setdefault("indicators", {})
        match asked.method, asked.path:
            case "GET", "/api/machines":
                names = {"ws-tre-014.corp.example": MACHINE, "ws-tre-0140": "other"}
                prefix = asked.query["$filter"].split("'")[1]
                found = [{"id": i, "computerDnsName": n} for n, i in names.items() if n.startswith(prefix)]
                return Answer(body={"@odata.context": "…", "value": found})
            case "POST", str(path) if path in (
                f"/api/machines/{MACHINE}/isolate",
                f"/api/machines/{MACHINE}/unisolate",
            ):
                kind = "Unisolate" if path.endswith("unisolate") else "Isolate"
                job = {"id": f"job-{len(actions)}", "machineId": MACHINE, "requestorComment": asked.json["Comment"]}
                actions.insert(0, {**job, "type": kind, "status": self.state.get("jobs", "Succeeded")})
                return Answer(status=201, body=actions[0])
            case "GET", "/api/machineactions":
                return Answer(body={"value": actions[:1]})
            case "POST", "/api/indicators":
                entries["995"] = {**asked.json, "id": "995"}
                return Answer(body=entries["995"])
            case "GET", "/api/indicators":
                wanted = asked.query["$filter"].removeprefix("indicatorValue eq ")[1:-1].replace("''", "'")
                return Answer(body={"value": [e for e in entries.values() if e["indicatorValue"] == wanted]})
            case "DELETE", "/api/indicators/995":
                del entries["995"]
                return Answer(status=204)
        return None


class Graph(Vendor):
    """Users and analyzed mails of Microsoft Graph."""

    def __call__(self, asked: Asked) -> Answer | None:
        if asked.path == "/tenant-1/oauth2/v2.0/token":
            return self.token(asked, "the-client", SECRETS["microsoft_client_secret"])
        if not self.knows(asked):
            return Answer(status=401, body={"error": {"code": "InvalidAuthenticationToken"}})
        mails = self.state.setdefault("mails", {"n1": "inbox_folder", "n2": "junkFolder"})
        match asked.method, asked.path:
            case "GET", "/v1.0/users":
                there = f"userPrincipalName eq '{ACCOUNT}'" in asked.query["$filter"]
                return Answer(body={"value": [{"id": USER}] if there else []})
            case "PATCH", str(path) if path == f"/v1.0/users/{USER}":
                self.state["enabled"] = asked.json["accountEnabled"]
                return Answer(status=204)
            case "POST", str(path) if path == f"/v1.0/users/{USER}/revokeSignInSessions":
                self.state["since"] = "2026-01-05T08:59:58Z"
                return Answer(body={"@odata.context": "…", "value": True})
            case "GET", str(path) if path == f"/v1.0/users/{USER}":
                since = self.state.get("since", "2020-01-01T00:00:00Z")
                enabled = self.state.get("enabled", True)
                return Answer(body={"id": USER, "accountEnabled": enabled, "signInSessionsValidFromDateTime": since})
            case "GET", "/v1.0/security/collaboration/analyzedEmails":
                assert asked.query["startTime"] < asked.query["endTime"]
                there = asked.query["$filter"] == f"internetMessageId eq '{MAIL}'"
                found = [
                    {
                        "networkMessageId": name,
                        "internetMessageId": MAIL,
                        "recipientEmailAddress": f"{name}@h.example",
                        "latestDelivery": {"action": "delivered", "location": where},
                    }
                    for name, where in mails.items()
                ]
                return Answer(body={"value": found if there else []})
            case "POST", "/v1.0/security/collaboration/analyzedEmails/remediate":
                where = {"moveToQuarantine": "quarantine", "moveToInbox": "inbox_folder"}[asked.json["action"]]
                for mail in asked.json["analyzedEmails"]:
                    assert mail["recipientEmailAddress"] == f"{mail['networkMessageId']}@h.example"
                    mails[mail["networkMessageId"]] = where
                return Answer(status=202)
        return None


class Falcon(Vendor):
    """Hosts and custom indicators of CrowdStrike Falcon."""

    def __call__(self, asked: Asked) -> Answer | None:
        if asked.path == "/oauth2/token":
            answer = self.token(asked, "cs-client", SECRETS["crowdstrike_client_secret"])
            return Answer(status=201 if answer.status == 200 else answer.status, body=answer.body)
        if not self.knows(asked):
            return Answer(status=401, body={"errors": [{"code": 401, "message": "access denied"}]})
        entries = self.state.setdefault("iocs", [])
        match asked.method, asked.path:
            case "GET", "/devices/combined/devices/v1":
                there = asked.query["filter"] == "hostname:'ws-tre-014'"
                found = [{"device_id": AID, "hostname": HOST}, {"device_id": "other", "hostname": "WS-TRE-0145"}]
                return Answer(body={"resources": found if there else [], "errors": []})
            case "POST", "/devices/entities/devices-actions/v2":
                assert asked.json == {"ids": [AID]}
                after = {"contain": "contained", "lift_containment": "normal"}
                self.state["status"] = self.state.get("under_way") or after[asked.query["action_name"]]
                return Answer(status=202, body={"resources": [{"id": AID, "path": "/devices/…"}], "errors": []})
            case "GET", "/devices/entities/devices/v2":
                found = [{"device_id": asked.query["ids"], "status": self.state.get("status", "normal")}]
                return Answer(body={"resources": found, "errors": []})
            case "POST", "/iocs/entities/indicators/v1":
                entries.append({**asked.json["indicators"][0], "id": "ioc1"})
                return Answer(status=201, body={"resources": entries[-1:], "errors": []})
            case "GET", "/iocs/combined/indicator/v1":
                found = [e for e in entries if f"value:'{e['value']}'+type:'{e['type']}'" == asked.query["filter"]]
                return Answer(body={"resources": found, "errors": []})
            case "DELETE", "/iocs/entities/indicators/v1":
                entries[:] = [e for e in entries if e["id"] != asked.query["ids"]]
                return Answer(body={"resources": [asked.query["ids"]], "errors": []})
        return None


class Okta(Vendor):
    """Users of Okta."""

    def __call__(self, asked: Asked) -> Answer | None:
        if asked.headers.get("authorization") != f"SSWS {SECRETS['okta_token']}":
            return Answer(status=401, body={"errorCode": "E0000011", "errorSummary": "Invalid token provided"})
        user = {"id": "00ub0oNGTSWTBKOLGLNR", "status": self.state.get("status", "ACTIVE")}
        root = f"/api/v1/users/{user['id']}"
        match asked.method, asked.path:
            case "GET", str(path) if path in (f"/api/v1/users/{ACCOUNT}", root):
                return Answer(body={**user, "profile": {"login": ACCOUNT}})
            case "POST", str(path) if path == f"{root}/lifecycle/suspend":
                self.state["status"] = "SUSPENDED"
                return Answer(body={})
            case "POST", str(path) if path == f"{root}/lifecycle/unsuspend":
                self.state["status"] = "ACTIVE"
                return Answer(body={})
            case "DELETE", str(path) if path == f"{root}/sessions":
                self.state["sessions"] = 0
                return Answer(status=204)
        return Answer(status=404, body={"errorCode": "E0000007", "errorSummary": "Not found"})


class Google(Vendor):
    """Users of the Admin SDK; its token endpoint really checks the assertion."""

    public_key: Any = None

    def __call__(self, asked: Asked) -> Answer | None:
        if asked.path == "/token":
            self._check(asked.form["assertion"])
            self.tokens += 1
            return Answer(body={"access_token": f"token-{self.tokens}", "expires_in": 3599, "token_type": "Bearer"})
        if not self.knows(asked):
            return Answer(status=401, body={"error": {"code": 401, "status": "UNAUTHENTICATED"}})
        user = {"kind": "admin#directory#user", "id": "1134", "primaryEmail": ACCOUNT}
        match asked.method, asked.path:
            case "GET", str(path) if path.rpartition("/")[2] in (ACCOUNT, "1134"):
                return Answer(body={**user, "suspended": self.state.get("suspended", False)})
            case "PUT", "/admin/directory/v1/users/1134":
                self.state["suspended"] = asked.json["suspended"]
                return Answer(body={**user, **asked.json})
            case "POST", "/admin/directory/v1/users/1134/signOut":
                return Answer(status=204)
        return Answer(status=404, body={"error": {"code": 404, "message": "Resource Not Found: userKey"}})

    def _check(self, assertion: str) -> None:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        header, claims, signature = assertion.split(".")
        self.public_key.verify(_plain(signature), f"{header}.{claims}".encode(), PKCS1v15(), SHA256())
        assert json.loads(_plain(header)) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
        said = json.loads(_plain(claims))
        assert (said["iss"], said["sub"]) == (
            "casemate@project.iam.gserviceaccount.com",
            "security@harbourbank.example",
        )
        assert said["exp"] - said["iat"] == 600
        assert len(said["scope"].split()) == 2


def _plain(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Iam(Vendor):
    """Access keys of AWS IAM; answers in XML."""

    def __call__(self, asked: Asked) -> Answer | None:
        assert asked.headers["authorization"].startswith(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260105/us-east-1/iam/"
        )
        assert asked.headers["x-amz-date"] == "20260105T090000Z"
        form = asked.form
        assert form["UserName"] == "svc-backup"
        if form["Action"] == "UpdateAccessKey":
            if form["AccessKeyId"] != KEY_ID:
                return Answer(
                    status=404, body=b"<ErrorResponse><Error><Code>NoSuchEntity</Code></Error></ErrorResponse>"
                )
            self.state["status"] = form["Status"]
            return Answer(body=b'<UpdateAccessKeyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
                               b"<ResponseMetadata><RequestId>7a62c49f</RequestId></ResponseMetadata>"
                               b"</UpdateAccessKeyResponse>")  # fmt: skip
        status = self.state.get("status", "Active")
        keys = {KEY_ID: status, "AKIAI44QH8DHBEXAMPLE": "Inactive"}
        members = "".join(
            f"<member><UserName>svc-backup</UserName><AccessKeyId>{key}</AccessKeyId><Status>{is_}</Status></member>"
            for key, is_ in keys.items()
        )
        answer = (
            '<?xml version="1.0"?><ListAccessKeysResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
            f"<ListAccessKeysResult><UserName>svc-backup</UserName><AccessKeyMetadata>{members}</AccessKeyMetadata>"
            "<IsTruncated>false</IsTruncated></ListAccessKeysResult></ListAccessKeysResponse>"
        )
        return Answer(body=answer.encode())


class Soar(Vendor):
    """A receiver of the signed webhook: checks every signature, drops ids it has seen, answers probes."""

    def __call__(self, asked: Asked) -> Answer | None:
        said = asked.json
        headers = {name: asked.headers[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
        assert headers["webhook-signature"] == _signature(headers, asked.body)
        ids = self.state.setdefault("ids", [])
        data = said["data"]
        if said["type"] == "action.probe":
            return Answer(body={"state": "yes" if data["arguments"] in self.state.get("done", []) else "no"})
        if headers["webhook-id"] not in ids:
            ids.append(headers["webhook-id"])
            done = self.state.setdefault("done", [])
            done.append(data["arguments"]) if said["type"] == "action.do" else done.remove(data["arguments"])
        return Answer(status=202)


def _signature(headers: dict[str, str], body: bytes) -> str:
    moment = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    return Webhook(SECRETS["webhook_signing"]).sign(headers["webhook-id"], moment, body.decode())


#: Connector → what stands in for its vendor, and the values an admin would set (`{url}` is the local server).
VENDORS: dict[str, tuple[Callable[[], Vendor], dict[str, str]]] = {
    "microsoft-defender": (Defender, {"tenant": "tenant-1", "url": "{url}", "login": "{url}"}),
    "microsoft-graph": (Graph, {"tenant": "tenant-1", "url": "{url}", "login": "{url}"}),
    "crowdstrike": (Falcon, {"url": "{url}"}),
    "okta": (Okta, {"url": "{url}"}),
    "google-workspace": (Google, {"url": "{url}", "token_url": "{url}/token", "admin": "security@harbourbank.example"}),
    "aws-iam": (Iam, {"url": "{url}"}),
    "webhook": (Soar, {"url": "{url}/hook"}),
}

SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#: (connector, tool, arguments, whether it can be undone).
ACTIONS: list[tuple[str, str, dict[str, str], bool]] = [
    ("microsoft-defender", "isolate_host", {"host": HOST}, True),
    ("microsoft-defender", "isolate_host", {"host": "ws-tre-014.corp.example"}, True),
    ("microsoft-defender", "block_indicator", {"indicator": "hxxps://evil[.]example/a?b='c'"}, True),
    ("microsoft-defender", "block_indicator", {"indicator": "203.0.113.9"}, True),
    ("microsoft-graph", "disable_account", {"account": ACCOUNT}, True),
    ("microsoft-graph", "revoke_sessions", {"account": ACCOUNT}, False),
    ("microsoft-graph", "quarantine_email", {"message_id": "x1@evil.example"}, True),
    ("crowdstrike", "isolate_host", {"host": HOST}, True),
    ("crowdstrike", "block_indicator", {"indicator": SHA256.upper()}, True),
    ("okta", "disable_account", {"account": ACCOUNT}, True),
    ("google-workspace", "disable_account", {"account": ACCOUNT}, True),
    ("aws-iam", "rotate_secret", {"secret": KEY_ID, "owner": "svc-backup"}, True),
    ("webhook", "isolate_host", {"host": HOST}, True),
    ("webhook", "close_ticket", {"resolution": "benign"}, True),
]
