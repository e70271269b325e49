"""Secrets: keys and tokens of known form, and what labels, commands, headers and connection strings give away.

The forms are written from what the vendors document about their own keys. A library was looked for: detect-secrets is
no longer maintained and flags every hash of a log; the rule files of others are written for source code.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections import Counter

from policies.masking.common_words import COMMON
from policies.masking.scan import Pattern, all_if, any_of

#: Bytes of the longest key block worth looking for the end of.
_MAX_KEY = 16_384
_KEY_BODY = re.compile(rb"[A-Za-z0-9+/=\s\\]*")
#: Bits per character from which a value reads as random.
_RANDOM = 3.4
#: Characters of the longest value that follows a label.
_LONGEST = 512

_NO_SECRETS = {
    *("null", "none", "true", "false", "redacted", "expired", "changed", "undefined", "empty", "missing", "hidden"),
    *("required", "incorrect", "invalid", "wrong", "failed", "disabled", "enabled", "never", "forgotten", "nil"),
    *("string", "secret", "password", "passwd", "unset", "default", "masked", "removed", "omitted", "policy", "prompt"),
}
_HASH = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})", re.IGNORECASE)
_UUID = re.compile(r"\{?[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\}?", re.IGNORECASE)
#: What stands for a value without being one: `${DB_PASSWORD}`, `%PASS%`, `<password>`, `$pw`, `{{ secret }}`.
_PLACEHOLDER = re.compile(r"[$%<{(\[].*|.*\(\).*|os\.environ.*|process\.env.*|vault:.*|ENC\[.*", re.IGNORECASE)


def _end_of_key(shape: bytes, end: int) -> int:
    """The end of a private key block, or of what looks like its body when the block was cut off."""
    close = shape.find(b"-----END", end, end + _MAX_KEY)
    if close < 0:
        match = _KEY_BODY.match(shape, end, end + _MAX_KEY)
        return end + len(match.group().rstrip()) if match else end
    dashes = shape.find(b"-----", close + 8, close + 80)
    return dashes + 5 if dashes > 0 else close + 8


def _assigned(text: str) -> int:
    """What follows `password=`: not a word of prose, not what a masker put there, not a URL or an address."""
    value = text.rstrip(".,;)")
    plain = value.strip("*xX-.#_")
    if len(value) < 4 or not plain or value.casefold() in COMMON or value.casefold() in _NO_SECRETS:
        return 0
    return 0 if "://" in value or _PLACEHOLDER.fullmatch(value) or _is_address(value) else len(value)


def _spoken(text: str) -> int:
    """What follows `the password is`: no word, so it has a digit or a mark between its letters."""
    length = _assigned(text.rstrip("!?:\"'"))
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
    return not text.startswith("S-1-") and _assigned(text) > 0


#: Prefix and rest of keys that carry their maker's name.
_FORMS = (
    ("AKIA", r"[A-Z0-9]{16}"),
    ("ASIA", r"[A-Z0-9]{16}"),
    ("ABSK", r"[A-Za-z0-9+/]{109,}={0,2}"),
    ("LTAI", r"[A-Za-z0-9]{16,26}"),
    ("AIza", r"[A-Za-z0-9_\-]{35}"),
    ("ya29.", r"[A-Za-z0-9_\-]{20,}"),
    ("GOCSPX-", r"[A-Za-z0-9_\-]{28}"),
    ("gh[pousr]_", r"[A-Za-z0-9]{36,}"),
    ("github_pat_", r"[A-Za-z0-9_]{22,}"),
    (r"gl(?:pat|dt|rt|ptt|cbt|ft|soat|oas|imt|agent)-", r"[A-Za-z0-9_.\-]{20,}"),
    ("xox[abeoprs]-", r"[A-Za-z0-9\-]{10,}"),
    (r"xapp-[0-9]-", r"[A-Za-z0-9\-]{20,}"),
    (r"(?:sk|rk|pk)_(?:live|test|prod)_", r"[A-Za-z0-9]{16,}"),
    ("whsec_", r"[A-Za-z0-9+/=]{24,}"),
    ("npm_", r"[A-Za-z0-9]{36}"),
    ("pypi-", r"[A-Za-z0-9_\-]{50,}"),
    ("rubygems_", r"[a-f0-9]{48}"),
    ("oy2", r"[a-z0-9]{43}"),
    ("sk-", r"[A-Za-z0-9_\-]{32,}"),
    ("hf_", r"[A-Za-z]{34}"),
    ("r8_", r"[A-Za-z0-9]{37}"),
    (r"SG\.", r"[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}"),
    ("key-", r"[0-9a-f]{32}"),
    (r"do[opr]_v1_", r"[a-f0-9]{64}"),
    (r"hv[sbr]\.", r"[A-Za-z0-9_\-]{24,}"),
    ("ATATT3|ATCTT3|ATBB", r"[A-Za-z0-9_\-=]{24,}"),
    ("dapi", r"[a-f0-9]{32}"),
    ("NRAK-", r"[A-Z0-9]{27}"),
    ("glsa_", r"[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}"),
    ("glc_", r"[A-Za-z0-9+/]{32,}={0,2}"),
    ("sntry[su]_", r"[A-Za-z0-9+/=_\-]{40,}"),
    ("lin_api_", r"[A-Za-z0-9]{40}"),
    ("ntn_", r"[A-Za-z0-9]{40,}"),
    ("figd_", r"[A-Za-z0-9_\-]{40,}"),
    ("shp(?:at|ss|ca|pa)_", r"[a-fA-F0-9]{32}"),
    ("sq0(?:atp|csp)-", r"[A-Za-z0-9_\-]{22,}"),
    (r"dp\.(?:pt|st|ct|sa)\.", r"[A-Za-z0-9.\-_]{40,}"),
    ("pscale_(?:tkn|pw|oauth)_", r"[A-Za-z0-9=._\-]{32,}"),
    ("pul-", r"[a-f0-9]{40}"),
    ("dckr_pat_", r"[A-Za-z0-9_\-]{27,}"),
    ("AGE-SECRET-KEY-1", r"[A-Z0-9]{58}"),
    ("AKCp", r"[A-Za-z0-9]{69}"),
    ("sbp_", r"[a-f0-9]{40}"),
    ("HRKU-AA", r"[A-Za-z0-9_\-]{58}"),
    ("EAAC", r"[A-Za-z0-9]{80,}"),
    ("SK", r"[0-9a-f]{32}"),
    ("tskey-(?:auth|api|client)-", r"[A-Za-z0-9\-]{20,}"),
    ("CFPAT-", r"[A-Za-z0-9_\-]{43}"),
    ("PMAK-", r"[a-f0-9]{24}-[a-f0-9]{34}"),
    ("xkeysib-", r"[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    ("nvapi-", r"[A-Za-z0-9_\-]{60,}"),
    ("gsk_", r"[A-Za-z0-9]{52}"),
    ("bkua_", r"[a-z0-9]{40}"),
)
_PREFIXES = "|".join(prefix for prefix, _ in _FORMS)

_LABELS = (
    r"pass(?:word|wd|wort|phrase|code)|pwd|kennwort|wachtwoord|contrasena|mot de passe|senha|api[_-]?key"
    r"|(?:access|auth|refresh|session|id|api|bearer|security|private|deploy|bot)[_-]?token"
    r"|client[_-]?secret|secret[_-]?(?:access[_-]?)?key|app[_-]?secret|private[_-]?key|account[_-]?key"
    r"|shared[_-]?access[_-]?(?:key|signature)|connection[_-]?password|encryption[_-]?key|signing[_-]?key|secret"
)
_SHORT_LABELS = r"(?:[A-Za-z0-9]+_)?pass|pw|passw"
_ASSIGN = r"[ \t]*(?:=>|:=|=|:)[ \t]*"
_VALUE = rf"[^\s\"'<>,;&\\\x00]{{4,{_LONGEST}}}"
_LABELLED = any_of((_LABELS, r"pass\b", r"\bpw", "passw"))


def _form(regex: str, needs: str, name: str = "keys") -> Pattern:
    return Pattern(entity="SECRET", regex=regex, needs=needs, unmistakable=True, score=1.0, name=name)


FORMS = (
    Pattern(
        entity="SECRET",
        regex=r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
        needs="-----BEGIN",
        extend=_end_of_key,
        unmistakable=True,
        score=1.0,
        name="private-keys",
    ),
    _form(r"eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}", "eyJ", "tokens"),
    _form("|".join(f"(?:{prefix}){rest}" for prefix, rest in _FORMS), _PREFIXES),
    _form(r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_\-]{60,}", "atlasv1"),
    _form(r"[A-Za-z0-9_~.\-]{3}[78]Q~[A-Za-z0-9_~.\-]{31,34}", "[78]Q~"),
    _form(r"[0-9]{8,10}:AA[A-Za-z0-9_\-]{33}", ":AA"),
    _form(r"[MNO][A-Za-z0-9]{23,25}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27,38}", r"[A-Za-z0-9]\.[A-Za-z0-9_\-]{6}\."),
    _form(r"[a-f0-9]{32}-us[0-9]{1,2}\b", "[a-f0-9]-us[0-9]"),
    _form(r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}", r"pat[A-Za-z0-9]{14}\."),
    _form(r"hooks\.slack\.com/(?:services|workflows)/([A-Za-z0-9/]{20,})", r"hooks\.slack"),
    _form(r"discord(?:app)?\.com/api/(?:v[0-9]+/)?webhooks/([0-9]{15,20}/[A-Za-z0-9_\-]{50,})", "discord"),
    _form(r"webhook\.office\.com/webhookb2/([A-Za-z0-9@/\-]{60,})", "webhookb2"),
)


def _command(regex: str, needs: str, *, spoken: bool = False) -> tuple[Pattern, ...]:
    """A password given to a command, in either kind of quotes or bare."""
    check = _spoken if spoken else _assigned
    forms = (r"\"([^\"\n]{2,200})\"", r"'([^'\n]{2,200})'", r"([^\s\"'|;&]{3,200})")
    return tuple(
        Pattern(entity="SECRET", regex=regex + form, needs=needs, check=check, score=0.8, name="commands")
        for form in forms
    )


_REST = r"[^\n|;&]{0,200}?"
COMMANDS = (
    Pattern(
        entity="SECRET",
        regex=rf"(?i:\b(?:curl|wget|https?|aria2c|httpie)\b){_REST} (?:-u|--user|--proxy-user|-U|-a|--auth)[ =]?[\"']?"
        r"[^\s:\"']{1,100}:([^\s\"']{2,200})",
        needs=r"(?:^|[ \"'])(?:-u|-U|-a|--user|--proxy-user|--auth)[ =\"'A-Za-z]",
        check=_assigned,
        score=0.8,
        name="commands",
    ),
    Pattern(
        entity="SECRET",
        regex=rf"(?i:\bnet1?(?:\.exe)?[ ]+use\b{_REST}[ ]/u(?:ser)?:)[^\s]{{1,100}}[ ]+([^\s/\\*][^\s]{{3,100}})",
        needs=r"(?i:/u(?:ser)?:)",
        check=_assigned,
        score=0.8,
        name="commands",
    ),
    Pattern(
        entity="SECRET",
        regex=r"(?i:\bnet1?(?:\.exe)?[ ]+use\b(?:[ ]+(?:[a-z]:|\*))?[ ]+\\\\{1,4}[^\s]{1,100}[ ]+)([^\s/\\*]{4,100})",
        needs=r"(?i:net1?(?:\.exe)? +use)",
        check=_assigned,
        score=0.8,
        name="commands",
    ),
    Pattern(
        entity="SECRET",
        regex=r"(?i:\bnet1?(?:\.exe)?[ ]+user[ ]+[^\s/]{1,64}[ ]+)([^\s/*]{4,100})(?:[ ]|$)",
        needs=r"(?i:net1?(?:\.exe)? +user)",
        check=_assigned,
        score=0.8,
        name="commands",
    ),
    *_command(rf"\b(?:mysql|mariadb)[a-z]*\b{_REST} -p", r"(?:mysql|mariadb)"),
    *_command(rf"\b(?:7z[ar]?|7za|rar|unrar|winrar)(?:\.exe)?\b{_REST} -(?:h?p)", r"7z|rar"),
    *_command(
        rf"(?i:\b(?:sshpass|psexec(?:64)?|paexec|docker|podman|mongo(?:sh|dump|restore)?|nxc|netexec|crackmapexec|cme"
        rf"|evil-winrm|winrs|az|helm|hydra|ftp|lftp)(?:\.exe)?\b){_REST} -p[ =]",
        r"(?i:sshpass|psexec|paexec|docker|podman|mongo|nxc|netexec|crackmapexec|cme|winrm|winrs|\baz\b|helm|hydra|ftp)",
    ),
    *_command(
        rf"(?i:\b(?:plink|pscp|psftp|putty|kitty)(?:\.exe)?\b){_REST} -pw[ ]", r"(?i:plink|pscp|psftp|putty|kitty)"
    ),
    *_command(
        rf"(?i:\b(?:sqlcmd|osql|bcp|isql|unzip|zip)(?:\.exe)?\b){_REST} -P[ ]?", r"(?i:sqlcmd|osql|bcp|isql|zip)"
    ),
    *_command(rf"\bredis-cli\b{_REST} -a[ ]", "redis-cli"),
    *_command(rf"\bldap(?:search|modify|add|delete|whoami|passwd)\b{_REST} -w[ ]", "ldap"),
    *_command(
        r"(?i:(?:^|[ \t\"'`(])(?:/p(?:ass(?:word)?)?[:=]|(?:/rp|/pw|-password|-passwd|-pass|--pass(?:word|wd|phrase)?|--token"
        r"|--api-?key|--secret-key|--client-secret|--auth-token|--access-token|--private-token|--http-password"
        r"|-apikey|-token|-clientsecret|-credential-password|-storepass|-keypass|-srcstorepass|-deststorepass)(?::|=|[ \t]+)))",
        r"(?i:[ \t\"'`(](?:/p|/rp|-p|--p|--token|--api|--secret|--client|--auth|--access|--http|-apikey|-token|-client"
        r"|-cred|-storep|-keyp|-srcs|-dests))|^[/\-]",
    ),
    *_command(r"(?i:\bpass(?:in|out)[ =](?:pass:))", "(?i:pass:)"),
    *_command(
        rf"(?i:(?:^|[ \t;])(?:export|set|setx|env|setenv|declare -x|\$env:)[ \t]?[A-Z0-9_]*"
        rf"(?:{_LABELS}|TOKEN|_PASS|_PW|_PAT|_KEY|CREDENTIALS?)[A-Z0-9_]*[ \t]?[= ][ \t]?)",
        r"(?i:export|setx?|env)",
    ),
    Pattern(
        entity="SECRET",
        regex=rf"(?i:\b(?:smbclient|winexe|rpcclient|pth-[a-z]+|wmiexec|net)\b){_REST} -U[ ]?[\"']?"
        r"[^\s%\"']{1,100}%([^\s\"']{3,100})",
        needs="%",
        check=_assigned,
        score=0.8,
        name="commands",
    ),
    Pattern(
        entity="SECRET",
        regex=r"(?:^|[ \t/\\\"'])[A-Za-z0-9][A-Za-z0-9._\-]{0,60}:([^\s:@/\"']{4,100})@"
        r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+)\b",
        needs=r":[^\s:@/\"']+@",
        check=_spoken,
        score=0.6,
        name="commands",
    ),
)

LABELLED = (
    Pattern(
        entity="SECRET",
        regex=rf"(?i:(?:{_LABELS}))[\"']?{_ASSIGN}(?:\"([^\"\n]{{4,{_LONGEST}}})\")",
        needs=_LABELLED,
        check=_assigned,
        name="assignments",
    ),
    Pattern(
        entity="SECRET",
        regex=rf"(?i:(?:{_LABELS}|\b(?:{_SHORT_LABELS})\b))[\\\"']*{_ASSIGN}[\\\"']*({_VALUE})",
        needs=_LABELLED,
        check=_assigned,
        name="assignments",
    ),
    Pattern(
        entity="SECRET",
        regex=r"(?i:\b(?:pass(?:word|wort|code|phrase)|pwd|pw|pin(?: code)?|kennwort|login is [^\s]{1,60} / )"
        r"(?: (?:for|of|to|fur) [^\n:]{1,40}?)? (?:is|was|lautet|ist|est|es|to)(?: now)?:?)[ \t]+[\"'`]?([^\s\"'`<>]{4,100})",
        needs=any_of((r"pass(?:word|wort|code|phrase)", r"\bpwd?\b", r"\bpin\b", "kennwort", "login is")),
        check=_spoken,
        score=0.7,
        name="assignments",
    ),
    Pattern(
        entity="SECRET",
        regex=r"(?i:authorization)[\\\"']*[ \t]*[:=][ \t]*[\\\"']*(?i:bearer|basic|token|digest|ssws|apikey|negotiate)"
        r"[ \t]+([A-Za-z0-9._~+/=\-]{6,})",
        needs="(?i:authorization)",
        name="headers",
    ),
    Pattern(
        entity="SECRET", regex=r"(?i:\bbearer)[ \t]+([A-Za-z0-9._~+/\-]{20,}=*)", needs="(?i:bearer)", name="headers"
    ),
    Pattern(
        entity="SECRET",
        regex=r"(?i:\b(?:x-api-key|x-auth-token|x-amz-security-token|x-vault-token|private-token|x-gitlab-token"
        r"|x-shopify-access-token|dd-api-key|ocp-apim-subscription-key|x-functions-key|apikey))"
        r"[\\\"']*[ \t]*[:=][ \t]*[\\\"']*([A-Za-z0-9._~+/=\-]{8,})",
        needs=any_of((r"x-[a-z\-]*(?:key|token)", "private-token", "dd-api-key", "subscription-key", "apikey")),
        name="headers",
    ),
    Pattern(
        entity="SECRET",
        regex=r"(?i:\b(?:PHPSESSID|JSESSIONID|ASP\.NET_SessionId|ASPXAUTH|connect\.sid|laravel_session|sessionid"
        r"|session_token|sess(?:ion)?_?id|_session|estsauth[a-z]*|xsrf-token|csrftoken|wordpress_logged_in_[a-z0-9]+"
        r"|remember_token|auth_cookie|fedauth|rtfa|sid|ssid|hsid|sapisid))=([^\s;,\"'&<>\\]{12,600})",
        needs=any_of(
            (
                r"sess[a-z_]*(?:id)?=",
                r"_session=",
                r"s?sid=",
                "estsauth",
                "(?:xsrf|csrf)-?token=",
                "aspxauth=",
                "wordpress_logged",
                "remember_token=",
                "auth_cookie=",
                "fedauth=",
                "rtfa=",
                "session_token=",
            )
        ),
        check=all_if(_cookie),
        score=0.8,
        name="headers",
    ),
    Pattern(
        entity="SECRET",
        regex=r"(?i:ConvertTo-SecureString)[ \t]+(?:-String[ \t]+)?[\"']([^\"'\n]{4,400})[\"']",
        needs="(?i:securestring)",
        name="commands",
    ),
    Pattern(
        entity="SECRET",
        regex=r"://[^\s:/@\"'<>]{1,200}:([^\s@/\"'<>]{2,200})@",
        needs="://[^\\s:/@\"'<>]{1,200}:",
        name="connections",
    ),
    Pattern(
        entity="SECRET",
        regex=r"(?i:[?&;]sig=)([A-Za-z0-9%+/=_\-]{20,200})",
        needs="(?i:[?&;]sig=)",
        name="connections",
    ),
    Pattern(
        entity="SECRET",
        regex=r"(?i:[A-Za-z0-9_.\-]{0,60}(?:api|secret|token|credential|auth|access|private|cred|pat)[A-Za-z0-9_.\-]{0,30}"
        r"|[A-Za-z0-9_.\-]{0,60}_key)[\\\"']*[ \t]*(?:=>|:=|=|:)[ \t]*[\\\"']*([A-Za-z0-9+/_.=\-]{20,200})",
        needs=r"(?i:api|secret|token|cred|auth|access|private|pat|_key)[A-Za-z0-9_.\\\"' \-]{0,40}[=:]",
        check=_random,
        score=0.6,
        name="entropy",
    ),
)

SECRETS = (*FORMS, *LABELLED, *COMMANDS)
