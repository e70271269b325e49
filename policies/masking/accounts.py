"""Patterns for account names that a label or a form gives away, and for the numbers a bundle describes itself."""

from __future__ import annotations

import re
from collections.abc import Iterable

from policies.masking.common_words import COMMON
from policies.masking.rules import IdPattern
from policies.masking.scan import Pattern, all_if
from policies.masking.views import shape_of

#: Accounts that every system has, and what tools write where no user is known.
_WORDS = """
root system admin administrator administrador administrateur guest daemon nobody www-data apache nginx postgres mysql
oracle sshd ftp git jenkins ubuntu debian centos ec2-user azureuser vagrant docker kubernetes anonymous default public
network local localsystem defaultaccount defaultuser0 wdagutilityaccount krbtgt healthmailbox trustedinstaller
local_system networkservice localservice service account machine null none unknown undefined self sudo su bin sys sync
user test guest01 operator backup syslog messagebus systemd-network systemd-resolve cron crond nfsnobody mail news
postfix dovecot redis mongodb elasticsearch kibana splunk tomcat hadoop spark airflow node python dwm-1 dwm-2 umfd-0
umfd-1 iusr nt builtin window workgroup domain authority manager failed success true false login logon logoff
"""
_SERVICES = frozenset(_WORDS.split())
_NAME = r"[A-Za-z][A-Za-z0-9._\-]{2,63}"
_LABELS = (
    r"user|user[ _\-]?name|user[ _\-]?id|login|login[ _\-]?name|log ?in|logon[ _\-]?name|account[ _\-]?name"
    r"|sam[ _\-]?account[ _\-]?name"
    r"|suser|duser|usr|usrname|uname|target_?user(?:_?name)?|subject_?user(?:_?name)?|benutzer(?:name)?|kennung"
    r"|utilisateur|usuario|utente"
    r"|samaccountname|targetusername|subjectusername|useraccount|accountname|src_?user|dst_?user"
)


#: File endings and folders that show that a backslash separates folders, not a domain and its user.
_PATH = re.compile(
    r"\.[a-z0-9]{1,4}$|^(?:system32|syswow64|users|windows|temp|software|current|control)", re.IGNORECASE
)


def _is_account(text: str) -> bool:
    """A name that can be somebody's: letters with a digit, a dot or a mark, or four letters that are no word."""
    plain = text.rstrip(".-_").casefold()
    if plain in _SERVICES or plain in COMMON or len(plain) < 3 or plain.endswith("$"):
        return False
    words = [word for word in re.split(r"[^a-z0-9]+", plain) if word]
    if all(word in COMMON or word in _SERVICES or word.isdigit() for word in words):
        return False
    # A service name, a role or a host of a log: `svc-backup`, `ip-10-0-0-1`, `i-0abc…`, a hash.
    return not re.fullmatch(r"(?:svc|srv|sa|app|system|role|ip|i|arn|ami|vpc)[-_.].*|[0-9a-f]{16,}|s-1-.*", plain)


def _account_end(text: str) -> int:
    plain = text.rstrip(".-")
    return len(plain) if _is_account(plain) else 0


USERNAMES = (
    Pattern(
        entity="USERNAME",
        regex=rf"(?i:\b(?:{_LABELS}))[\\\"']*[ \t]*[:=][ \t]*[\\\"']*(?:[A-Za-z0-9._\-]{{1,60}}\\{{1,4}})?({_NAME})",
        needs=(
            "user",
            "usr",
            "login",
            "log in",
            "logon",
            "account name",
            "account-name",
            "accountname",
            "benutzer",
            "kennung",
            "utilisateur",
            "usuario",
            "utente",
            "uname",
        ),
        check=_account_end,
        not_beside="\\@/:(",
        score=0.7,
        name="accounts",
    ),
    Pattern(
        entity="USERNAME",
        regex=rf"(?i:\b(?:my|his|her|their|the)? ?(?:user ?name|user ?id|login|account name)(?: is| was"
        rf"|,)?)[ \t]+[\"'`]?({_NAME})[\"'`]?",
        needs=("user name", "username", "user id", "userid", "login", "account name"),
        check=all_if(lambda text: _is_account(text) and bool(re.search(r"[0-9._]", text.rstrip(".")))),
        not_beside="\\@/:(",
        score=0.6,
        name="accounts",
    ),
    # jdoe@CORP, CORP\jdoe: the domain of a Windows network in capitals.
    Pattern(
        entity="USERNAME",
        regex=rf"(?:^|[\s\"'=:(,>|])[A-Z][A-Z0-9\-]{{1,14}}\\{{1,2}}({_NAME}\$?)",
        needs=("\\",),
        check=all_if(lambda text: _is_account(text) and text[:1].islower() and not _PATH.search(text)),
        not_beside="\\/:",
        score=0.6,
        name="accounts",
    ),
    # C:\Users\jdoe\…, /home/jdoe/…
    Pattern(
        entity="USERNAME",
        regex=rf"(?i:[a-z]:\\{{1,4}}(?:users|documents and settings)\\{{1,4}}|(?:^|[\s\"'=:(]|file://)/(?:home"
        rf"|users)/)({_NAME})(?:[\\/\"']|$)",
        needs=("\\users\\", "\\documents and settings\\", "/home/", "/users/"),
        check=all_if(lambda text: _is_account(text) and text.casefold() not in ("public", "default", "all", "shared")),
        score=0.7,
        name="accounts",
    ),
)


def bundle_patterns(rows: Iterable[IdPattern]) -> list[Pattern]:
    """The patterns a bundle gives. With context words one of them must stand before.

    Without context words the first group of the expression, where it has one, is what gets masked.
    """
    patterns = []
    for row in rows:
        # As the shape has them: `Kundennummer für` stands there as `Kundennummer fur`.
        context = [shape_of(word).decode("ascii") for word in row.context]
        words = "|".join(re.escape(word) for word in context)
        regex = rf"(?i:{words})[^\n]{{0,40}}?({row.regex})" if words else f"(?:{row.regex})"
        patterns.append(
            Pattern(
                entity=row.entity,
                regex=regex,
                needs=tuple(word.lower() for word in context),
                score=0.9,
                name="bundle",
            )
        )
    return patterns
