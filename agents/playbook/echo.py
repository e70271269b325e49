"""How much of what an alert's title says its events say too: the share of the title's telling words.

Words are compared by what they mean to an analyst: `removed` and `deleteUser` say the same. Names of products and words
that any alert uses tell nothing. A title that names a deed is not echoed by events in which nobody does it.
"""

from __future__ import annotations

import re
from functools import lru_cache

#: Characters of either text that are read.
MAX_READ = 20_000
#: Words that must agree; one alone, such as `account`, stands in nearly every event.
FEWEST = 2

_DEEDS = {
    "create": """create created creates creation creating add added adding generate generated new insert register
        registered enroll enrolled provision provisioned issue issued invite invited invitation launch launched
        deploy deployed upload uploaded run""",
    "delete": """delete deleted deletes deletion deleting remove removed removal purge purged destroy destroyed
        terminate terminated deregister deregistered detach detached wipe wiped revoke revoked drop dropped""",
    "disable": """disable disabled disabling deactivate deactivated stop stopped suspend suspended off bypass
        bypassed pause paused""",
    "change": """change changed changes changing modify modified modification update updated updating edit edited
        set put alter altered configure configured configuration patch replace replaced reset rename renamed write""",
    "enable": "enable enabled enabling activate activated activation start started",
    "grant": """grant granted assign assigned assignment attach attached promote promoted elevate elevated
        authorize authorized allow allowed allows permit bind binding""",
    "login": "login logins logon signin authentication authenticate authenticated consolelogin",
    "fail": """fail failed failure failures failing unsuccessful denied deny reject rejected invalid blocked
        unauthorized accessdenied""",
    "share": """share shared sharing public publicly external externally anonymous exposed everyone anyone
        allusers publish""",
    "export": """export exported exports download downloaded downloads downloading extract extracted exfiltration
        copy copied copying transfer transferred forward forwarded forwarding""",
    "access": """access accessed read view viewed list listed get describe enumerate enumeration discovery
        retrieve reveal""",
    "exec": "exec execute executed execution command invoke invoked shell",
}
_THINGS = {
    "mfa": "mfa 2fa factor multifactor 2sv otp multi",
    "role": """role roles admin administrator admins privilege privileged privileges permission permissions
        superuser owner""",
    "user": "user users account accounts member members guest guests people",
    "key": "key keys token tokens apikey credential credentials",
    "log": "log logs logging audit trail cloudtrail diagnostic diagnostics",
    "policy": "policy policies rule rules",
}
_MEANING = {word: meaning for table in (_DEEDS, _THINGS) for meaning, words in table.items() for word in words.split()}
#: Words of any alert, and names of products.
_COMMON = """the an of in on to for by from with via and or not is are was were be been being using into at as
    without when its it that this than event events detected detection detect required potential possible suspicious
    unusual anomalous abnormal high medium low critical multiple many excessive more outside per activity operation
    operations action or other self alert"""
_PRODUCTS = """aws amazon gcp google azure microsoft microsoft365 office365 m365 okta github gitlab gsuite
    workspace slack duo box auth0 onelogin crowdstrike databricks notion asana wiz zendesk snyk zscaler zoom mongodb
    atlassian jira dropbox openai anthropic 1password onepassword proofpoint carbonblack cisco umbrella docusign
    netskope snowflake salesforce cloudflare intune sentinelone osquery teleport kubernetes k8s eks aks gke"""
_SAYS_NOTHING = frozenset(f"{_COMMON} {_PRODUCTS}".split())
_ENDINGS = ("ations", "ation", "ions", "ings", "ing", "ion", "ied", "ies", "ed", "es", "s", "e", "y")
_WORD = re.compile(r"[a-z0-9]{2,40}")
_HUMPS = re.compile(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])")


def echo(title: str, text: str) -> float:
    """From 0 to 1. More text can only raise it; a longer title can lower it, so no explanation may rest on an echo."""
    wanted = _telling(title[:MAX_READ])
    heard = {_meaning(word) for word in _words(text[:MAX_READ])}
    said = wanted & heard
    if len(said) < FEWEST or (wanted & _DEEDS.keys() and not said & _DEEDS.keys()):
        return 0.0
    return len(said) / len(wanted)


@lru_cache(maxsize=256)
def _telling(title: str) -> frozenset[str]:
    return frozenset(_meaning(word) for word in _words(title) if word not in _SAYS_NOTHING)


def _words(text: str) -> list[str]:
    return _WORD.findall(_HUMPS.sub(lambda m: f"{m[1] or m[3]} {m[2] or m[4]}", text).lower())


def _meaning(word: str) -> str:
    if word in _MEANING:
        return _MEANING[word]
    ending = next((e for e in _ENDINGS if word.endswith(e) and len(word) - len(e) >= 3), "")
    return word.removesuffix(ending)
