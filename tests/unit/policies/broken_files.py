"""Ways to break the other files of a bundle. `‸` marks where the problem must be said to stand."""

from __future__ import annotations

#: What is replaced, by what, and the sentence.
ORGANIZATION = {
    "network with host bits": (
        "networks: [",
        "networks: [‸10.0.0.1/8, ",
        "is not a network (10.0.0.1/8 has host bits set)",
    ),
    "domain in capitals": (
        "domains: [",
        "domains: [‸Bank.Example, ",
        "write it in lower case and without a dot at the end",
    ),
    "address": (
        "ip: 10.20.14.31",
        "ip: ‸10.20.14.256",
        "`10.20.14.256` is not an IP address; write it like 10.20.14.31",
    ),
    "host name": (
        "hostname: WS-TRE-014",
        'hostname: ‸"WS TRE"',
        "is not a host name; use letters, digits, dots and hyphens",
    ),
    "username twice": ("username: m.okafor", "username: ‸a.lindqvist", "the username `a.lindqvist` appears twice"),
    "mailbox twice": (
        "email: michael.okafor@harbourbank.example",
        "email: ‸anna.lindqvist@harbourbank.example",
        "appears twice; give it to one of them only",
    ),
    "host twice": ("hostname: WS-HR-022", "hostname: ‸WS-TRE-014", "the host name `WS-TRE-014` appears twice"),
    "address twice": ("ip: 10.20.22.7", "ip: ‸10.20.14.31", "the host address `10.20.14.31` appears twice"),
    "owner nobody knows": (
        "owner: s.haddad",
        "owner: ‸s.hadad",
        "who is not among the people; did you mean `s.haddad`?",
    ),
    "tier": ("tier: 3", "tier: ‸7", "`assets[0].tier` should be less than or equal to 4"),
    "kind": ("kind: workstation", "kind: ‸desktop", "`assets[0].kind` should be 'workstation', 'laptop'"),
    "country": ("countries: [DE]", "countries: [‸DEU]", "should be two capital letters, such as DE"),
    "yes": ("vip: true", "vip: ‸yes", "`people[1].vip` should be true or false"),
    "username with a domain": ("username: m.okafor", "username: ‸okafor@bank", "write the plain username"),
}
MASKING = {
    "treatment": ("CARD: partial", "CARD: ‸half", "`treatments.CARD` should be 'token', 'redact', 'partial' or 'keep'"),
    "entity": ("CARD: partial", "‸CARDS: partial", "unknown key `CARDS`; did you mean `CARD`?"),
    "expression": ("regex: 'E[0-9]{5}'", "regex: ‸'E[0-9'", "is no RE2 expression"),
    "empty expression": (
        "regex: 'E[0-9]{5}'",
        "regex: ‸'E*'",
        "matches nothing at all; say what the identifier looks like",
    ),
    "pattern that misses": (
        '["Customer HB-20417733 called twice."]',
        '["Customer HB-2041 called twice."]',
        "holds no CUSTOMER_ID for this pattern",
    ),
    "example that is readable": ("hides: [billing@]", "hides: [billing@, evil.example]", "must hide `evil.example`"),
    "example of nothing": ("hides: [billing@]", "hides: [payroll@]", "something that does not stand in its text"),
    "sink of no tool": (
        "lookup_asset: {",
        "‸lookup_aset: {",
        "no tool is called `lookup_aset`; did you mean `lookup_asset`?",
    ),
    "sink of no argument": (
        "lookup_asset: {host: ",
        "lookup_asset: {‸hots: ",
        "`lookup_asset` has no argument `hots`; did you mean `host`?",
    ),
    "sink of no entity": ("{host: [HOST, IP]}", "{host: [‸HOSTS, IP]}", "did you mean HOST?"),
}

#: A whole file in place of the one there is, or beside it, and the sentence.
FILES = {
    "guardrails out of range": (
        "guardrails.yaml",
        "assessment: {max_findings: ‸4000}\n",
        "`assessment.max_findings` should be less than or equal to",
    ),
    "guardrails misspelt": (
        "guardrails.yaml",
        "‸asessment: {}\n",
        "unknown key `asessment`; did you mean `assessment`?",
    ),
    "empty file": ("guardrails.yaml", "# nothing yet\n", "is empty; write at least the required keys"),
    "list where keys belong": (
        "guardrails.yaml",
        "‸- assessment\n",
        "should be keys with values; write one `key: value` a",
    ),
    "directive": (
        "guardrails.yaml",
        "%YAML 1.1\n‸--- {assessment: {}}\n",
        "directives (`%`) are not allowed; remove it",
    ),
    "second document": (
        "guardrails.yaml",
        "assessment: {}\n‸---\nassessment: {}\n",
        "a second document starts here; keep one",
    ),
    "bomb": (
        "guardrails.yaml",
        "a: ‸&a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: [*b, *b, *b, *b]\n",
        "anchor &a: anchors are not allowed; remove it",
    ),
    "brackets without end": (
        "guardrails.yaml",
        "[" * 17 + "‸" + "[" * 3000,
        "is nested deeper than 16 levels; flatten it",
    ),
    "invariant without a claim": (
        "invariants.yaml",
        "invariants: [{id: x, never: ‸never}]\n",
        "should begin with `allow`",
    ),
    "invariant with a bad condition": (
        "invariants.yaml",
        "invariants:\n  - id: x\n    never: allow when ‸asset.teir == 0\n",
        "did you mean `asset.tier`?",
    ),
    "invariant twice": (
        "invariants.yaml",
        "invariants:\n  - {id: x, never: deny}\n  - {id: ‸x, never: ask}\n",
        "`x` appears twice; give each invariant its own",
    ),
    "test that fails": (
        "more_test.yaml",
        "tests:\n  - ‸{name: Look., given: {tool: read_email}, expect: deny}\n",
        "test `Look.` expects deny, but the policy answers allow: Looking changes nothing. (rules: look)",
    ),
    "test with other rules": (
        "more_test.yaml",
        "tests:\n  - ‸{name: Look., given: {tool: read_email}, expect: allow, rules: [peek]}\n",
        "test `Look.` expects the rules peek, but look answered",
    ),
    "test with other roles": (
        "more_test.yaml",
        "tests:\n  - ‸{name: Live., given: {tool: activate_policy}, expect: ask, roles: [analyst]}\n",
        "test `Live.` expects the roles analyst, but the policy asks admin",
    ),
    "test with other approvals": (
        "more_test.yaml",
        "tests:\n  - ‸{name: Live., given: {tool: activate_policy}, expect: ask, approvals: 3}\n",
        "test `Live.` expects 3 approvals, but the policy asks for 2",
    ),
    "test of no tool": (
        "more_test.yaml",
        "tests: [{name: x, given: ‸{}, expect: deny}]\n",
        "names no tool; add `tool`",
    ),
    "test of an unknown tool": (
        "more_test.yaml",
        "tests: [{name: x, given: {tool: ‸read_mail}, expect: deny}]\n",
        "no tool is called `read_mail`; did you mean `read_email`?",
    ),
    "test of an unknown argument": (
        "more_test.yaml",
        "tests: [{name: x, given: {tool: isolate_host, args: {‸hots: {value: a}}}, expect: deny}]\n",
        "`isolate_host` has no argument `hots`; did you mean `host`?",
    ),
    "test twice": (
        "more_test.yaml",
        "tests: [{name: x, given: {tool: case_file}, expect: allow},\n {name: ‸x, given: {tool: x}, expect: ask}]",
        "another test has this name; give each its own",
    ),
    "test of roles that nobody is asked for": (
        "more_test.yaml",
        "tests: [{name: x, given: {tool: read_email}, expect: allow, roles: ‸[admin]}]\n",
        "belongs to `expect: ask` only; remove it",
    ),
    "file misspelt": ("action.yaml", "rules: []\n", "is not part of a bundle; did you mean `actions.yaml`?"),
    "file with the other ending": (
        "masking.yml",
        "sinks: {}\n",
        "is not part of a bundle; did you mean `masking.yaml`?",
    ),
    "file of something else": (
        "playbook.yaml",
        "a: b\n",
        "the files are organization.yaml, masking.yaml, actions.yaml",
    ),
}
