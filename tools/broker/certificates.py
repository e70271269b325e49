"""What a certificate says, as plain values."""

from __future__ import annotations

import hashlib
from datetime import datetime

from core.canonical import JsonObject

#: Names of a certificate that are listed.
MAX_NAMES = 30
MAX_TEXT = 200


def described(der: bytes, version: str | None, *, valid: bool, why: str | None, now: datetime) -> JsonObject:
    """The facts of the certificate a host showed. `valid`: it holds for this host, by the usual roots, today."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    said: JsonObject = {
        "valid": valid,
        "why_not": why,
        "version": version,
        "sha256": hashlib.sha256(der).hexdigest(),
        "subject": None,
        "issuer": None,
        "names": [],
        "not_before": None,
        "not_after": None,
        "age_days": None,
        "self_signed": None,
    }
    try:
        certificate = x509.load_der_x509_certificate(der)
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        said |= {"not_before": begins.isoformat(), "not_after": ends.isoformat(), "age_days": (now - begins).days}
        said["self_signed"] = certificate.issuer == certificate.subject
        for key, name in (("subject", certificate.subject), ("issuer", certificate.issuer)):
            for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
                if said[key] is None and (found := name.get_attributes_for_oid(kind)):
                    said[key] = str(found[0].value)[:MAX_TEXT]
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        said["names"] = [str(name)[:MAX_TEXT] for name in names.get_values_for_type(x509.DNSName)[:MAX_NAMES]]
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        pass  # a malformed certificate says less; what was read before stays
    return said
