"""Secrets given to commands: `curl -u`, `net use`, `sshpass -p`, `--password`, `export TOKEN=…`."""

from __future__ import annotations

from policies.masking.credentials import LABELS, assigned, spoken
from policies.masking.scan import Pattern

#: Between a command and its option.
_REST = r"[^\n|;&]{0,200}?"
#: A value in either kind of quotes, or bare.
_VALUES = (r"\"([^\"\n]{2,200})\"", r"'([^'\n]{2,200})'", r"([^\s\"'|;&]{3,200})")


def _given(regex: str, *needs: str) -> tuple[Pattern, ...]:
    """A password that follows an expression."""
    return tuple(_one(regex + value, *needs) for value in _VALUES)


def _one(regex: str, *needs: str) -> Pattern:
    return Pattern(entity="SECRET", regex=regex, needs=needs, check=assigned, score=0.8, name="commands")


_TOOLS = (
    "sshpass",
    "psexec",
    "paexec",
    "docker",
    "podman",
    "mongo",
    "<nxc",
    "netexec",
    "crackmapexec",
    "<cme",
    "winrm",
    "winrs",
)
COMMANDS = (
    _one(
        rf"(?i:\b(?:curl|wget|https?|aria2c|httpie)\b){_REST} (?:-u|--user|--proxy-user|-U|-a|--auth)[ =]?[\"']?"
        r"[^\s:\"'/]{1,100}:([^\s\"'/][^\s\"']{1,200})",
        *("curl", "wget", "http", "aria0c"),
    ),
    _one(
        rf"(?i:\bnet1?(?:\.exe)?[ ]+use\b{_REST}[ ]/u(?:ser)?:)[^\s]{{1,100}}[ ]+([^\s/\\*][^\s]{{3,100}})",
        *("/u:", "/user:"),
    ),
    _one(
        r"(?i:\bnet1?(?:\.exe)?[ ]+use\b(?:[ ]+(?:[a-z]:|\*))?[ ]+\\{1,4}[^\s]{1,100}[ ]+)([^\s/\\*]{4,100})", "<use "
    ),
    _one(r"(?i:\bnet1?(?:\.exe)?[ ]+user[ ]+[^\s/]{1,64}[ ]+)([^\s/*]{4,100})(?:[ ]|$)", "<user "),
    *_given(rf"\b(?:mysql|mariadb)[a-z]*\b{_REST} -p", "mysql", "mariadb"),
    *_given(rf"\b(?:7z[ar]?|rar|unrar|winrar)(?:\.exe)?\b{_REST} -(?:h?p)", "<0z", "<rar", "<unrar", "<winrar"),
    *_given(
        r"(?i:\b(?:sshpass|psexec(?:64)?|paexec|mongo(?:sh|dump|restore)?|nxc|netexec|crackmapexec|cme"
        rf"|evil-winrm|winrs)(?:\.exe)?\b){_REST} -p[ =]",
        *_TOOLS,
    ),
    *_given(
        rf"\b(?:docker|podman|helm registry) login\b{_REST} -p[ =]", "docker login", "podman login", "registry login"
    ),
    *_given(
        rf"(?i:\b(?:plink|pscp|psftp|putty|kitty)(?:\.exe)?\b){_REST} -pw[ ]",
        *("plink", "pscp", "psftp", "putty", "kitty"),
    ),
    *_given(
        rf"(?i:\b(?:sqlcmd|osql|bcp|isql|unzip|zip)(?:\.exe)?\b){_REST} -P[ ]?",
        "sqlcmd",
        "osql",
        "<bcp",
        "isql",
        "<unzip",
        "<zip>",
    ),
    *_given(rf"\bredis-cli\b{_REST} -a[ ]", "redis-cli"),
    *_given(rf"\bldap(?:search|modify|add|delete|whoami|passwd)\b{_REST} -w[ ]", "ldap"),
    *_given(
        r"(?i:(?:^|[ \t\"'`(])(?:/p(?:ass(?:word)?)?[:=]|(?:/rp|/pw|-password|-passwd|-pass|--pass(?:word|wd|phrase)?"
        r"|--token|--api-?key|--secret-key|--client-secret|--auth-token|--access-token|--private-token|--http-password"
        r"|-apikey|-token|-clientsecret|-storepass|-keypass|-srcstorepass|-deststorepass)(?::|=|[ \t]+)))",
        *(
            "/p:",
            "/p=",
            "/pass",
            "/pw",
            "/rp",
            "-pass",
            "-token",
            "-api",
            "-secret",
            "-client",
            "-auth-t",
            "-access-t",
            "-private-t",
            "-http-p",
        ),
        *("-storepass", "-keypass", "-srcstorepass", "-deststorepass"),
    ),
    *_given(r"(?i:\bpass(?:in|out)[ =](?:pass:))", "pass:"),
    *_given(
        rf"(?i:(?:^|[ \t;])(?:export |set |env |declare -x |\$env:)[ \t]?[A-Z0-9_]*"
        rf"(?:{LABELS}|TOKEN|_PASS|_PW|_PAT|_KEY|CREDENTIALS?)[A-Z0-9_]*[ \t]?=[ \t]?)",
        *("export", "<set ", "env:", "<env ", "<setenv", "declare -x"),
    ),
    _one(
        rf"(?i:\b(?:smbclient|winexe|rpcclient|pth-[a-z]+|wmiexec|net)\b){_REST} -U[ ]?[\"']?"
        r"[^\s%\"']{1,100}%([^\s\"']{3,100})",
        *("smbclient", "winexe", "rpcclient", "pth-", "wmiexec", "<net ", "<net.exe"),
    ),
    # impacket: corp/jdoe:Secret1!@198.51.100.7
    Pattern(
        entity="SECRET",
        regex=r"(?:^|[ \t\"'])[A-Za-z0-9][A-Za-z0-9.\-]{0,60}/[A-Za-z0-9][A-Za-z0-9._\-]{0,60}:([^\s:@/\"']{4,100})@"
        r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+)\b",
        needs=(r"~:[^\s:@/\"']+@",),
        check=spoken,
        score=0.6,
        name="commands",
    ),
)
