"""A script or command line decoded layer by layer, and what it is about to do. Nothing of it is run."""

# ruff: noqa: E501, ISC004 - the tables of patterns read best a row a line

from __future__ import annotations

import re
from typing import Annotated, TypedDict

from pydantic import Field

from tools.arguments import MAX_TEXT
from tools.investigate import indicators
from tools.investigate.answer import Object, answer, clip, clip_list, plural
from tools.investigate.script_layers import join, peel
from tools.tool import ToolArguments, ToolFacts, tool

#: Characters of one layer shown.
MAX_LAYER = 4_000
#: Layers and URLs listed.
MAX_LISTED = 20

#: What to look for in the script and in every layer: fact, pattern, ATT&CK technique.
SIGNS: tuple[tuple[str, str, str], ...] = (
    ("encoded_command", r"[-/\u2013\u2014]e(?:nc?|c|nco\w*)\b[\s\"']+[A-Za-z0-9+/=]{16,}|frombase64string", "T1027.010"),
    ("download_cradle", r"\bdownload(?:string|file|data)\b|\binvoke-(?:webrequest|restmethod)\b|\b(?:iwr|irm)\b\s+\S*http"
                        r"|net\.webclient|start-bitstransfer|bitsadmin\b[^\n]*/transfer|certutil\b[^\n]*-urlcache"
                        r"|\b(?:curl|wget)\b[^\n]*(?:https?:|\|)|msxml2\.(?:server)?xmlhttp|winhttprequest"
                        r"|mshta\b[^\n]*https?:|regsvr32\b[^\n]*https?:|urllib\.request|requests\.get\(", "T1105"),
    ("hidden_window", r"-w(?:indowstyle|in?)?\s+(?:hidden|h\b|1\b)|windowstyle\W{1,4}hidden|createnowindow|vbhide"
                      r"|\.run\b[^\n]*,\s*0\b", "T1564.003"),
    ("amsi_bypass", r"amsiutils|amsiinitfailed|amsiscanbuffer|amsicontext|amsi\.dll|set-mppreference\b[^\n]*disable"
                    r"|add-mppreference\b[^\n]*exclusion|etweventwrite|disablerealtimemonitoring", "T1562.001"),
    ("policy_bypass", r"-e(?:x(?:ec(?:utionpolicy)?)?|p)\s+(?:bypass|unrestricted)|set-executionpolicy\s+(?:-\w+\s+)?"
                      r"(?:bypass|unrestricted)|executionpolicy\W{1,3}bypass", "T1059.001"),
    ("persistence", r"schtasks\b[^\n]*/create|register-scheduledtask|new-scheduledtask|currentversion\\run"
                    r"|new-service\b|\bsc(?:\.exe)?\s+create\b|\\startup\\|__eventfilter|commandlineeventconsumer"
                    r"|crontab\b|/etc/cron|authorized_keys|userinit|winlogon\\shell|systemctl\s+enable", "T1053.005"),
    ("credential_access", r"mimikatz|sekurlsa|lsadump|comsvcs(?:\.dll)?\W[^\n]*minidump|lsass|ntds\.dit|hklm\\(?:sam|security)"
                          r"|procdump\b[^\n]*lsass|invoke-kerberoast|rubeus|get-credential|vaultcmd|cmdkey\s+/list"
                          r"|login data\b|\.aws[\\/]credentials|\bshadow\b[^\n]*cat|cat\b[^\n]*/etc/shadow|\.ssh/id_", "T1003"),
)  # fmt: skip
#: Told in detail only.
OTHERS: tuple[tuple[str, str, str], ...] = (
    ("runs text as code", r"\biex\b|invoke-expression|\beval\b|scriptblock\]::create|executeglobal", "T1059"),
    ("runs through a trusted program", r"\b(?:mshta|regsvr32|rundll32|installutil|msbuild|wmic|cmstp)(?:\.exe)?\b", "T1218"),
    ("deletes backups", r"vssadmin\b[^\n]*delete|wbadmin\b[^\n]*delete|bcdedit\b[^\n]*recoveryenabled", "T1490"),
    ("clears logs", r"wevtutil\b[^\n]*\bcl\b|clear-eventlog|history -c|unset histfile", "T1070.001"),
    ("reverse shell", r"/dev/tcp/|net\.sockets\.tcpclient|\bnc(?:at)?\b[^\n]*-e\b|bash -i", "T1059"),
    ("injects into memory", r"virtualalloc|writeprocessmemory|createremotethread|createthread|getdelegateforfunctionpointer"
                            r"|reflection\.assembly\]::load", "T1055"),
    ("looks around", r"\bwhoami\b|net(?:\.exe)?\s+(?:user|group|localgroup)\b|nltest\b|systeminfo\b|adfind\b|get-aduser", "T1087"),
    ("creates an account", r"net(?:\.exe)?\s+user\b[^\n]*/add|new-localuser|useradd\b", "T1136.001"),
)  # fmt: skip


class Arguments(ToolArguments):
    text: Annotated[
        str, Field(min_length=1, max_length=MAX_TEXT, description="The command line, script or encoded text.")
    ]


class Facts(ToolFacts):
    layers: int = Field(description="Layers of encoding peeled off.")
    encoded_command: bool = Field(description="It hands an encoded command to an interpreter.")
    download_cradle: bool = Field(description="It fetches something from elsewhere.")
    hidden_window: bool = Field(description="It hides its window.")
    amsi_bypass: bool = Field(description="It tries to switch off or get round virus scanning.")
    policy_bypass: bool = Field(description="It gets round the execution policy.")
    obfuscated: bool = Field(description="Its words are broken apart or it is encoded twice or more.")
    persistence: bool = Field(description="It arranges to be started again.")
    credential_access: bool = Field(description="It reaches for stored passwords, hashes or keys.")
    suspicious: int = Field(description="Number of the signs above that hold.")


class Layer(TypedDict):
    """How one layer was encoded, and what came out."""

    how: str
    text: str


class Detail(TypedDict):
    decoded: list[Layer]
    readable: str | None
    urls: list[str]
    techniques: list[str]


@tool(
    "Decode a script or command line layer by layer (base64, gzip, concatenation); say what it does.",
    arguments=Arguments,
    facts=Facts,
    detail=Detail,
)
def run(arguments: Object, inputs: Object) -> Object:
    """Signs are looked for in the text and in every layer of it."""
    del inputs
    text = arguments["text"]
    layers, broken = peel(text)
    seen = [text, join(text), *(layer.text for layer in layers), *(join(layer.text) for layer in layers)]
    everything = "\n".join(seen)
    facts: Object = {"layers": len(layers)}
    techniques: dict[str, str] = {}
    for name, pattern, technique in SIGNS:
        facts[name] = re.search(pattern, everything, re.IGNORECASE) is not None
        if facts[name]:
            techniques[technique] = name.replace("_", " ")
    for name, pattern, technique in OTHERS:
        if re.search(pattern, everything, re.IGNORECASE):
            techniques.setdefault(technique, name)
    facts["encoded_command"] = facts["encoded_command"] or any(layer.how == "-EncodedCommand" for layer in layers)
    facts["obfuscated"] = broken or len(layers) >= 2
    if facts["obfuscated"]:
        techniques["T1027"] = "obfuscated"
    facts["suspicious"] = sum(1 for name, value in facts.items() if name != "layers" and value is True)
    detail = {
        "decoded": [{"how": layer.how, "text": clip(layer.text, MAX_LAYER)} for layer in layers[:MAX_LISTED]],
        "readable": clip(join(text), MAX_LAYER) if join(text) != text else None,
        "urls": clip_list(indicators.urls(everything), MAX_LISTED),
        "techniques": [f"{technique} {name}" for technique, name in techniques.items()],
    }
    return answer(_sentence(facts, list(techniques.values())), facts, detail)


def _sentence(facts: Object, found: list[str]) -> str:
    peeled = f"{plural(facts['layers'], 'layer')} decoded" if facts["layers"] else "Not encoded"
    return f"{peeled}; signs: {', '.join(found)}." if found else f"{peeled}; no bad sign in it."
