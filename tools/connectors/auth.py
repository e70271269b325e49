"""Who we are to a target: adds to a request what proves it. Secrets are looked up for each request and kept nowhere."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from core.canonical import JsonObject
from core.clock import Clock
from core.errors import SecretMissing, TargetUnavailable
from core.secret_store import SecretStore
from tools.connectors.sigv4 import Credentials, sign
from tools.connectors.wire import AnswerLost, Line, Reply, Wire
from tools.connectors.written import Auth, Aws, Hmac, OAuth2, ServiceAccount, Webhook

#: Seconds before its end at which a token is replaced.
EARLY_SECONDS = 60
#: Seconds a token is kept when its issuer does not say.
USUAL_SECONDS = 300
#: Seconds an assertion that asks for a token is good for.
ASSERTION_SECONDS = 600


class Authenticator:
    """One connector's. Safe for threads."""

    def __init__(self, auth: Auth, secrets: SecretStore, clock: Clock, line: Line) -> None:
        self._auth = auth
        self._secrets = secrets
        self._clock = clock
        self._line = line
        self._token = ""
        self._ends: datetime | None = None
        self._lock = threading.Lock()

    @property
    def renewable(self) -> bool:
        """Whether a refused request may succeed with a fresh token."""
        return self._auth.oauth2 is not None or self._auth.service_account is not None

    def signed(self, wire: Wire, message_id: str) -> Wire:
        """The request with what proves who sends it.

        Raises:
            SecretMissing: a secret is not there.
            TargetUnavailable: no token is to be had now.
        """
        auth, now = self._auth, self._clock.now()
        added: dict[str, str] = {}
        if auth.bearer is not None:
            added["authorization"] = f"Bearer {self._secret(auth.bearer.token)}"
        elif auth.basic is not None:
            added["authorization"] = _basic(auth.basic.user, self._secret(auth.basic.password))
        elif self.renewable:
            added["authorization"] = f"Bearer {self._current()}"
        elif auth.aws is not None:
            added = sign(wire.method, wire.url, wire.headers, wire.body, by=self._credentials(auth.aws), now=now)
        elif auth.webhook is not None:
            added = self._webhook(auth.webhook, wire.body, message_id, now)
        elif auth.hmac is not None:
            added = self._hmac(auth.hmac, wire.body, now)
        return replace(wire, headers={**wire.headers, **added})

    def forget(self) -> None:
        """The token was refused: the next request gets a fresh one."""
        with self._lock:
            self._ends = None

    def _secret(self, name: str) -> str:
        return self._secrets.get(name).get_secret_value()

    def _credentials(self, aws: Aws) -> Credentials:
        return Credentials(
            access_key=self._secret(aws.access_key),
            secret_key=self._secret(aws.secret_key),
            session_token=self._secret(aws.session_token) if aws.session_token else "",
            region=aws.region,
            service=aws.service,
        )

    def _webhook(self, webhook: Webhook, body: bytes, message_id: str, now: datetime) -> dict[str, str]:
        from standardwebhooks import Webhook as Signer

        secret = self._secret(webhook.secret)
        if not _is_base64(secret.removeprefix("whsec_")):  # the library would sign with whatever it can make of it
            said = f"The secret {webhook.secret!r} should be `whsec_` and base64; write it anew."
            raise SecretMissing(said)
        signed = Signer(secret).sign(message_id, now.replace(microsecond=0), body.decode())
        stamp = str(int(now.timestamp()))
        return {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": signed}

    def _hmac(self, how: Hmac, body: bytes, now: datetime) -> dict[str, str]:
        stamp = str(int(now.timestamp()))
        kind = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}[how.algorithm]
        made = hmac.new(self._secret(how.secret).encode(), f"{stamp}.".encode() + body, kind).hexdigest()
        return {how.timestamp_header: stamp, how.header: how.prefix + made}

    # --- tokens

    def _current(self) -> str:
        """The token, from before or fresh. One thread fetches, the others wait for it."""
        with self._lock:
            now = self._clock.now()
            if self._ends is None or now >= self._ends:
                self._token, seconds = self._fetched(now)
                self._ends = now + timedelta(seconds=max(seconds - EARLY_SECONDS, 1))
            return self._token

    def _fetched(self, now: datetime) -> tuple[str, float]:
        if self._auth.oauth2 is not None:
            url, fields, headers = self._client_credentials(self._auth.oauth2)
        else:
            assert self._auth.service_account is not None
            url, fields, headers = self._assertion(self._auth.service_account, now)
        wire = Wire(
            method="POST",
            url=url,
            headers={"content-type": "application/x-www-form-urlencoded", "accept": "application/json", **headers},
            body=urlencode(fields).encode(),
        )
        try:
            reply = replace(self._line.send(wire), language="json")
            return _token_in(reply)
        except AnswerLost:
            raise TargetUnavailable("The token endpoint gives no answer that can be used; it is asked again.") from None

    def _client_credentials(self, how: OAuth2) -> tuple[str, dict[str, str], dict[str, str]]:
        client, secret = self._secret(how.client_id), self._secret(how.client_secret)
        fields = {"grant_type": "client_credentials", **({"scope": how.scope} if how.scope else {})}
        if how.style == "basic":
            return how.token_url, fields, {"authorization": _basic(quote(client, safe=""), quote(secret, safe=""))}
        return how.token_url, {**fields, "client_id": client, "client_secret": secret}, {}

    def _assertion(self, how: ServiceAccount, now: datetime) -> tuple[str, dict[str, str], dict[str, str]]:
        issued = int(now.timestamp())
        try:
            key: JsonObject = json.loads(self._secret(how.key))
            claims = {
                "iss": key["client_email"],
                "scope": how.scope,
                "aud": how.token_url,
                "iat": issued,
                "exp": issued + ASSERTION_SECONDS,
                **({"sub": how.subject} if how.subject else {}),
            }
            assertion = _jwt(claims, str(key["private_key"]), str(key.get("private_key_id", "")))
        except (ValueError, KeyError, TypeError):
            said = f"The secret {how.key!r} should be the JSON key file of a service account; write it anew."
            raise SecretMissing(said) from None
        return how.token_url, {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}, {}


def _token_in(reply: Reply) -> tuple[str, float]:
    if reply.status not in (200, 201):
        raise TargetUnavailable(
            f"The token endpoint answers {reply.status}: check the client's id and secret, and its permissions."
        )
    answer = reply.value()
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        raise TargetUnavailable("The token endpoint gives no token; check what stands under `auth`.")
    lasts = answer.get("expires_in", USUAL_SECONDS)
    if isinstance(lasts, str) and lasts.isdigit():  # some issuers write the number as text
        lasts = int(lasts)
    return token, float(lasts) if isinstance(lasts, int | float) and not isinstance(lasts, bool) else USUAL_SECONDS


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except ValueError:
        return False


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _jwt(claims: JsonObject, pem: str, key_id: str) -> str:
    """A token signed with RS256 (RFC 7519)."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError
    header = {"alg": "RS256", "typ": "JWT", **({"kid": key_id} if key_id else {})}
    signed = ".".join(_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return f"{signed}.{_base64url(key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
