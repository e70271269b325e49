"""AWS Signature Version 4, as its reference describes it, without streaming and presigning."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, unquote, urlsplit


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """What a request is signed with."""

    access_key: str
    secret_key: str
    region: str
    service: str
    session_token: str = ""

    def __repr__(self) -> str:
        return "Credentials(…)"


def sign(
    method: str, url: str, headers: Mapping[str, str], body: bytes, *, by: Credentials, now: datetime
) -> dict[str, str]:
    """Headers to add to a request: `x-amz-date`, `authorization`, and the session token where there is one."""
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    parts = urlsplit(url)
    signed = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    signed |= {"host": parts.netloc, "x-amz-date": moment}
    if by.session_token:
        signed["x-amz-security-token"] = by.session_token
    names = ";".join(sorted(signed))
    canonical = "\n".join(
        [
            method,
            _path(parts.path, by.service),
            _query(parts.query),
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{moment[:8]}/{by.region}/{by.service}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signature = hmac.new(_key(by, moment[:8]), to_sign.encode(), hashlib.sha256).hexdigest()
    added = {
        "x-amz-date": moment,
        "authorization": f"AWS4-HMAC-SHA256 Credential={by.access_key}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}",
    }
    if by.session_token:
        added["x-amz-security-token"] = by.session_token
    return added


def _key(credentials: Credentials, day: str) -> bytes:
    key = f"AWS4{credentials.secret_key}".encode()
    for part in (day, credentials.region, credentials.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _path(path: str, service: str) -> str:
    """Every service but S3 encodes each segment of the path a second time."""
    return quote(path or "/", safe="/-_.~" + ("%" if service == "s3" else ""))


def _query(query: str) -> str:
    pairs = []
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        pairs.append((quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~")))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))
