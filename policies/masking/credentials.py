"""Secrets: keys and tokens of known form, and what labels, commands, headers and connection strings give away.

The forms are written from what the vendors document about their own keys. A library was looked for: detect-secrets is
no longer maintained and flags every hash of a log; the rule files of others are written for source code.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections import Counter

from policies.masking.common_words import COMMON, NO_SECRETS
from policies.masking.scan import Pattern, all_if

#: Bytes of the longest key block worth looking for the end of.
_MAX_KEY = 16_384
_KEY_BODY = re.compile(rb"[A-Za-z0-9+/=\s\\]*")
#: Bits per character from which a value reads as random.
_RANDOM = 3.4
#: Characters of the longest value that follows a label.
_LONGEST = 512

_HASH = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})", re.IGNORECASE)
_UUID = re.compile(r"\{?[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\}?", re.IGNORECASE)
#: What stands for a value without being one: `${DB_PASSWORD}`, `%PASS%`, `<password>`, `$pw`, `{{ secret }}`.
_PLACEHOLDER = re.compile(r"[$%<{(\[].*|.*\(\).*|os\.environ.*|process\.env.*|vault:.*|ENC\[.*", re.IGNORECASE)


def _end_of_key(shape: bytes, end: int) -> int:
    """The end of a private key block, or of what looks like its body when the block was cut off."""
    another = shape.find(b"-----BEGIN", end, end + _MAX_KEY)
    close = shape.find(b"-----END", end, another if another >= 0 else end + _MAX_KEY)
    if close < 0:
        match = _KEY_BODY.match(shape, end, end + _MAX_KEY)
        return end + len(match.group().rstrip()) if match else end
    dashes = shape.find(b"-----", close + 8, close + 80)
    return dashes + 5 if dashes > 0 else close + 8


def assigned(text: str) -> int:
    """What follows `password=`: not a word of prose, not what a masker put there, not a URL or an address."""
    value = text.rstrip(".,;)")
    plain = value.strip("*xX-.#_\x1a")
    if len(value) < 4 or not plain or value.casefold() in COMMON or value.casefold() in NO_SECRETS:
        return 0
    return 0 if "://" in value or _PLACEHOLDER.fullmatch(value) or _is_address(value) else len(value)


def spoken(text: str) -> int:
    """What follows `the password is`: no word, so it has a digit or a mark between its letters."""
    length = assigned(text.rstrip("!?:\"'"))
    value = text[:length]
    telling = any(c.isdigit() for c in value) or re.search(r"\w[^\w\s'.-]|[^\w\s'.-]\w|[a-z][A-Z]", value)
    return length if telling else 0


def _random(text: str) -> int:
    """A value that nobody made up: mixed, long, and no hash, identifier, name or path."""
    value = text.rstrip(".=")
    if _HASH.fullmatch(value) or _UUID.fullmatch(value) or value.count("/") > 3 or "://" in text:
        return 0
    kinds = (any(c.islower() for c in value), any(c.isupper() for c in value), any(c.isdigit() for c in value))
    words = re.findall(r"[A-Za-z]{5,}", value)
    dashed = value.count("-") + value.count("_") + value.count(".") > len(value) // 6
    if sum(kinds) < 3 or dashed or sum(map(len, words)) > len(value) * 0.6:
        return 0
    return len(text) if entropy(value) >= _RANDOM else 0


def entropy(text: str) -> float:
    """Shannon entropy of the characters, in bits per character."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _cookie(text: str) -> bool:
    """A value of a cookie, which a Windows security identifier is not."""
    return not text.startswith("S-1-") and assigned(text) > 0


#: How keys that carry their maker's name begin, in lower case with 0 for any digit, and what follows.
_FORMS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("akia", "asia"), r"A[KS]IA[A-Z0-9]{16}"),
    (("absk",), r"ABSK[A-Za-z0-9+/]{109,}={0,2}"),
    (("ltai",), r"LTAI[A-Za-z0-9]{16,26}"),
    (("aiza",), r"AIza[A-Za-z0-9_\-]{35}"),
    (("ya00.",), r"ya29\.[A-Za-z0-9_\-]{20,}"),
    (("gocspx-",), r"GOCSPX-[A-Za-z0-9_\-]{28}"),
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"gh[pousr]_[A-Za-z0-9]{36,}"),
    (("github_pat_",), r"github_pat_[A-Za-z0-9_]{22,}"),
    (
        ("glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glft-", "glsoat-", "gloas-", "glimt-", "glagent-"),
        r"gl(?:pat|dt|rt|ptt|cbt|ft|soat|oas|imt|agent)-[A-Za-z0-9_.\-]{20,}",
    ),
    (("xox", "xapp-"), r"xox[abeoprs]-[A-Za-z0-9\-]{10,}|xapp-[0-9]-[A-Za-z0-9\-]{20,}"),
    (("k_live_", "k_test_", "k_prod_"), r"[srp]k_(?:live|test|prod)_[A-Za-z0-9]{16,}"),
    (("whsec_",), r"whsec_[A-Za-z0-9+/=]{24,}"),
    (("npm_",), r"npm_[A-Za-z0-9]{36}"),
    (("pypi-",), r"pypi-[A-Za-z0-9_\-]{50,}"),
    (("rubygems_",), r"rubygems_[a-f0-9]{48}"),
    (("oy0",), r"oy2[a-z0-9]{43}"),
    (("sk-",), r"sk-[A-Za-z0-9_\-]{32,}"),
    (("hf_", "r0_", "gsk_"), r"hf_[A-Za-z]{34}|r8_[A-Za-z0-9]{37}|gsk_[A-Za-z0-9]{52}"),
    (("sg.",), r"SG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}"),
    (("key-",), r"key-[0-9a-f]{32}"),
    (("_v0_",), r"do[opr]_v1_[a-f0-9]{64}"),
    (("hvs.", "hvb.", "hvr."), r"hv[sbr]\.[A-Za-z0-9_\-]{24,}"),
    (("atatt0", "atctt0", "atbb"), r"(?:ATATT3|ATCTT3|ATBB)[A-Za-z0-9_\-=]{24,}"),
    (("dapi",), r"dapi[a-f0-9]{32}"),
    (("nrak-",), r"NRAK-[A-Z0-9]{27}"),
    (("glsa_", "glc_"), r"glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}|glc_[A-Za-z0-9+/]{32,}={0,2}"),
    (("sntrys_", "sntryu_"), r"sntry[su]_[A-Za-z0-9+/=_\-]{40,}"),
    (("lin_api_", "ntn_", "figd_"), r"lin_api_[A-Za-z0-9]{40}|ntn_[A-Za-z0-9]{40,}|figd_[A-Za-z0-9_\-]{40,}"),
    (("shpat_", "shpss_", "shpca_", "shppa_"), r"shp(?:at|ss|ca|pa)_[a-fA-F0-9]{32}"),
    (("sq0atp-", "sq0csp-"), r"sq0(?:atp|csp)-[A-Za-z0-9_\-]{22,}"),
    (("dp.pt.", "dp.st.", "dp.ct.", "dp.sa."), r"dp\.(?:pt|st|ct|sa)\.[A-Za-z0-9.\-_]{40,}"),
    (("pscale_",), r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9=._\-]{32,}"),
    (("pul-",), r"pul-[a-f0-9]{40}"),
    (("dckr_pat_",), r"dckr_pat_[A-Za-z0-9_\-]{27,}"),
    (("age-secret-key-0",), r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    (("akcp",), r"AKCp[A-Za-z0-9]{69}"),
    (("sbp_",), r"sbp_[a-f0-9]{40}"),
    (("hrku-aa",), r"HRKU-AA[A-Za-z0-9_\-]{58}"),
    (("eaac",), r"EAAC[A-Za-z0-9]{80,}"),
    (("tskey-",), r"tskey-(?:auth|api|client)-[A-Za-z0-9\-]{20,}"),
    (("cfpat-", "pmak-"), r"CFPAT-[A-Za-z0-9_\-]{43}|PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    (("xkeysib-",), r"xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    (("nvapi-",), r"nvapi-[A-Za-z0-9_\-]{60,}"),
    (("bkua_",), r"bkua_[a-z0-9]{40}"),
    (("atlasv0",), r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_\-]{60,}"),
    (("0q~",), r"[A-Za-z0-9_~.\-]{3}[78]Q~[A-Za-z0-9_~.\-]{31,34}"),
    ((":aa",), r"[0-9]{8,10}:AA[A-Za-z0-9_\-]{33}"),
    (("-us0",), r"[a-f0-9]{32}-us[0-9]{1,2}\b"),
    ((r"~pat[A-Za-z0-9]{14}\.[a-f0-9]",), r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
)

LABELS = (
    r"pass(?:word|wd|wort|phrase|code)|pwd|kennwort|wachtwoord|contrasena|mot de passe|senha|api[_-]?key"
    r"|(?:access|auth|refresh|session|id|api|bearer|security|private|deploy|bot)[_-]?token"
    r"|client[_-]?secret|secret[_-]?(?:access[_-]?)?key|app[_-]?secret|private[_-]?key|account[_-]?key"
    r"|shared[_-]?access[_-]?(?:key|signature)|connection[_-]?password|encryption[_-]?key|signing[_-]?key"
)
_SHORT_LABELS = r"(?:[A-Za-z0-9]+_)?pass|pw|passw"
_ASSIGN = r"[ \t]*(?:=>|:=|=|:)[ \t]*"
_JOINED = rf"[\\\"']*{_ASSIGN}"
_VALUE = rf"[^\s\"'<>,;&\\\x00]{{4,{_LONGEST}}}"
_LABEL_NEEDS = (
    *("pass", "pw", "kennwort", "wachtwoord", "contrasena", "mot de passe", "senha", "secret", "token"),
    *("api key", "api-key", "apikey", "private key", "private-key", "privatekey", "account key", "account-key"),
    *("accountkey", "shared access", "shared-access", "sharedaccess", "encryption key", "encryption-key"),
    *("encryptionkey", "signing key", "signing-key", "signingkey", "access key", "accesskey", "access-key"),
)


def _form(regex: str, *needs: str, name: str = "keys") -> Pattern:
    return Pattern(entity="SECRET", regex=regex, needs=needs, unmistakable=True, score=1.0, name=name)


FORMS = (
    Pattern(
        entity="SECRET",
        regex=r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
        needs=("private key",),
        extend=_end_of_key,
        unmistakable=True,
        score=1.0,
        name="private-keys",
    ),
    _form(r"eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}", "eyj", name="tokens"),
    *(_form(regex, *stems) for stems, regex in _FORMS),
    # Keys of machines that look like words until their length shows: Twilio's, and a bot's of Discord.
    _form(r"\bSK[0-9a-f]{32}", *(f"<sk{digit}" for digit in "0abcdef")),
    _form(r"\b[MNO][A-Za-z0-9]{23,25}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27,38}", "discord", "<bot>", "token"),
    _form(r"hooks\.slack\.com/(?:services|workflows)/([A-Za-z0-9/]{20,})", "hooks.slack"),
    _form(r"discord(?:app)?\.com/api/(?:v[0-9]+/)?webhooks/([0-9]{15,20}/[A-Za-z0-9_\-]{50,})", "discord"),
    _form(r"webhook\.office\.com/webhookb2/([A-Za-z0-9@/\-]{60,})", "webhookb0"),
)

LABELLED = (
    Pattern(
        entity="SECRET",
        regex=rf"(?i:(?:{LABELS}|secret))[\"']?{_ASSIGN}(?:\"([^\"\n]{{4,{_LONGEST}}})\")",
        needs=_LABEL_NEEDS,
        check=assigned,
        name="assignments",
    ),
    Pattern(
        entity="SECRET",
        # `secret:name` without a blank or a quote is a part of an ARN.
        regex=rf"(?i:(?:{LABELS}|\b(?:{_SHORT_LABELS})\b|secret[\\\"']+){_JOINED}|secret[ \t]*(?:=|:[ \t]))"
        rf"[\\\"']*({_VALUE})",
        needs=_LABEL_NEEDS,
        check=assigned,
        name="assignments",
    ),
    Pattern(
        entity="SECRET",
        regex=r"(?i:\b(?:pass(?:word|wort|code|phrase)|pwd|pw|pin(?: code)?|kennwort|login is [^\s]{1,60} / )"
        r"(?: (?:for|of|to|fur) [^\n:]{1,40}?)? (?:is|was|lautet|ist|est|es|to)(?: now)?:?)[ \t]+"
        r"[\"'`]?([^\s\"'`<>]{4,100})",
        needs=("pass", "<pw", "<pin", "kennwort", "login is"),
        check=spoken,
        score=0.7,
        name="assignments",
    ),
    Pattern(
        entity="SECRET",
        regex=r"(?i:authorization)[\\\"']*[ \t]*[:=][ \t]*[\\\"']*(?i:bearer|basic|token|digest|ssws|apikey|negotiate)"
        r"[ \t]+([A-Za-z0-9._~+/=\-]{6,})",
        needs=("authorization",),
        name="headers",
    ),
    Pattern(
        entity="SECRET", regex=r"(?i:\bbearer)[ \t]+([A-Za-z0-9._~+/\-]{20,}=*)", needs=("bearer",), name="headers"
    ),
    Pattern(
        entity="SECRET",
        regex=r"(?i:\b(?:x-api-key|x-auth-token|x-amz-security-token|x-vault-token|private-token|x-gitlab-token"
        r"|x-shopify-access-token|dd-api-key|ocp-apim-subscription-key|x-functions-key|apikey))"
        r"[\\\"']*[ \t]*[:=][ \t]*[\\\"']*([A-Za-z0-9._~+/=\-]{8,})",
        needs=(
            *("x-api-key", "x-auth-token", "x-amz-security", "x-vault-token", "x-gitlab-token", "x-shopify-access"),
            *("x-functions-key", "private-token", "api-key", "apikey", "subscription-key"),
        ),
        name="headers",
    ),
    Pattern(
        entity="SECRET",
        regex=r"(?i:\b(?:PHPSESSID|JSESSIONID|ASP\.NET_SessionId|ASPXAUTH|connect\.sid|laravel_session|sessionid"
        r"|session_token|sess(?:ion)?_?id|_session|estsauth[a-z]*|xsrf-token|csrftoken|wordpress_logged_in_[a-z0-9]+"
        r"|remember_token|auth_cookie|fedauth|rtfa|sid|ssid|hsid|sapisid))=([^\s;,\"'&<>\\]{12,600})",
        needs=(
            *(
                "sessid=",
                "sessionid=",
                "session_id=",
                "sess_id=",
                "_session=",
                "sid=",
                "estsauth",
                "xsrf-token=",
                "csrftoken=",
            ),
            *(
                "aspxauth=",
                "wordpress_logged",
                "remember_token=",
                "auth_cookie=",
                "fedauth=",
                "rtfa=",
                "session_token=",
            ),
        ),
        check=all_if(_cookie),
        score=0.8,
        name="headers",
    ),
    Pattern(
        entity="SECRET",
        regex=r"(?i:ConvertTo-SecureString)[ \t]+(?:-String[ \t]+)?[\"']([^\"'\n]{4,400})[\"']",
        needs=("securestring",),
        name="commands",
    ),
    Pattern(
        entity="SECRET",
        regex=r"://[^\s:/@\"'<>]{1,200}:([^\s@/\"'<>]{2,200})@",
        needs=("://",),
        name="connections",
    ),
    Pattern(
        entity="SECRET",
        regex=r"(?i:[?&;]sig=)([A-Za-z0-9%+/=_\-]{20,200})",
        needs=("sig=",),
        name="connections",
    ),
    Pattern(
        entity="SECRET",
        regex=r"(?i:(?:api|secret|token|credential|creds|auth|access|private)[A-Za-z0-9_.\-]{0,30}"
        r"|_key)[\\\"']*[ \t]*(?:=>|:=|=|:)[ \t]*[\\\"']*([A-Za-z0-9+/_.\-]{20,200}={0,2})",
        needs=("api", "secret", "token", "credential", "creds", "auth", "access", "private", "_key"),
        check=_random,
        score=0.6,
        name="entropy",
    ),
)
