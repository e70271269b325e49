"""Ways to break `actions.yaml`: what is replaced, by what, and the sentence. `‸` marks where it must point."""

from __future__ import annotations

HERE = "‸"

#: A condition of its own, in a rule that has one.
WHEN = "when: evidence.manipulation"
#: The question of that rule.
ASK = "then: {approvals: 1, expires: 4h}"
#: The one example of the rule `look`.
EXAMPLE = "- {given: {}, expect: allow}"
#: A list of tools in one line.
TOOLS = "tools: [isolate_host]"
#: A rule that denies.
DENY = "then: deny"
#: The last line of the rule `look`, before its examples.
REASON = "reason: Looking changes nothing."

#: What is replaced in `actions.yaml`, by what, and the sentence.
RULES = {
    "unknown key with a near one": (WHEN, "‸wehn: evidence.manipulation", "unknown key `wehn`; did you mean `when`?"),
    "unknown key": (WHEN, "‸colour: red", "unknown key `colour`; known keys are id, tools, when, then, lease, limit"),
    "unknown key of a question": (
        ASK,
        "then: {approvals: 1, ‸form: [admin]}",
        "unknown key `form`; did you mean `from`?",
    ),
    "unknown key of the file": ("rules:\n", "‸rule: []\nrules:\n", "unknown key `rule`; did you mean `rules`?"),
    "missing key": (f"    then: allow\n    {REASON}", f"    {REASON}", "`then` is missing; add it"),
    "key without a value": (WHEN, "‸when:", "has no value; write one, or remove the key"),
    "empty condition": (WHEN, 'when: ‸""', "`rules[1].when` is empty; write something or remove the key"),
    "condition that is no text": (WHEN, "when: ‸7", "`rules[1].when` should be text; put it in quotes"),
    "outcome misspelt": (f"then: allow\n    {REASON}", f"then: ‸alow\n    {REASON}", "did you mean allow?"),
    "outcome ask": (ASK, "then: ‸ask", "should be allow, deny or {approvals: 1, from: [soc-lead], expires: 4h}"),
    "outcome list": (ASK, "then: ‸[allow]", "`rules[1].then` should be allow, deny or {approvals: 1"),
    "outcome true": (ASK, "then: ‸true", "`rules[1].then` should be allow, deny or {approvals: 1"),
    "no approvals": (ASK, "then: {approvals: ‸0}", "`rules[1].then.approvals` should be greater than or equal to 1"),
    "too many approvals": (ASK, "then: {approvals: ‸11}", "should be less than or equal to 10"),
    "approvals as text": (ASK, 'then: {approvals: ‸"2"}', "should be a whole number, such as 2"),
    "approvals left out": (ASK, "then: ‸{expires: 4h}", "`approvals` is missing; add it"),
    "misspelt role": (
        ASK,
        "then: {approvals: 1, from: [‸analist]}",
        "nobody can hold the role `analist`; did you mean `analyst`?",
    ),
    "unreachable role": (
        ASK,
        "then: {approvals: 1, from: [admin, ‸night-shift]}",
        "nobody can hold the role `night-shift`; roles are analyst, approver, soc-lead",
    ),
    "role that is no list": (ASK, "then: {approvals: 1, from: ‸admin}", "should be a list; write [a, b]"),
    "role listed twice": ("roles: [analyst, ", "roles: [analyst, ‸analyst, ", "role `analyst` appears twice; keep one"),
    "bad duration": (ASK, "then: {approvals: 1, expires: ‸4x}", "should be a duration such as 30m, 4h or 2d, or never"),
    "duration without a unit": (
        ASK,
        "then: {approvals: 1, expires: ‸30}",
        "should be a duration such as 30m, 4h or 2d",
    ),
    "lease without end": (
        f"then: allow\n    {REASON}",
        f"then: allow\n    lease: ‸never\n    {REASON}",
        "should be a dur",
    ),
    "lease of a denial": (DENY, f"{DENY}\n    lease: ‸4h", "is nothing to a rule that denies; remove it"),
    "limit of a question": (
        ASK,
        f"{ASK}\n    limit: ‸{{per_hour: 1}}",
        "only a rule that allows has a limit; remove it",
    ),
    "limit of a denial": (
        DENY,
        f"{DENY}\n    limit: ‸{{per_day: 1}}",
        "only a rule that allows has a limit; remove it",
    ),
    "limit that bounds nothing": (
        f"then: allow\n    {REASON}",
        f"then: allow\n    limit: ‸{{per_target: {{}}}}\n    {REASON}",
        "bounds nothing; write per_hour or per_day",
    ),
    "limit below nothing": ("limit: {per_hour: 50}", "limit: {per_hour: ‸-1}", "should be greater than or equal to 0"),
    "limit of what has no effect": (
        f"then: allow\n    {REASON}",
        f"then: allow\n    limit: ‸{{per_hour: 5}}\n    {REASON}",
        "`case_file` has no effect, so there is nothing to count; remove the limit",
    ),
    "limit per target of what aims at nothing": (
        "then: allow\n    reason: Cited evidence",
        "then: allow\n    limit: {‸per_target: {per_day: 1}}\n    reason: Cited evidence",
        "`close_ticket` aims at nothing that could be counted; remove `per_target`",
    ),
    "limit misspelt": ("limit: {per_hour: 50}", "limit: {‸per_our: 50}", "did you mean `per_hour`?"),
    "end of a question that never ends": (
        ASK,
        "then: {approvals: 1, expires: never, on_expiry: ‸escalate}",
        "never happens, because the question never expires; remove one of them",
    ),
    "end misspelt": (ASK, "then: {approvals: 1, on_expiry: ‸escalte}", "did you mean escalate?"),
    "no age of a sign-in": (
        ASK,
        "then: {approvals: 1, reauthenticate: ‸never}",
        "should be a duration such as 30m, 4h or 2d",
    ),
    "wildcard": ("- case_file\n", "- ‸'*'\n", "`*` is no tool; name every tool, there are no wildcards"),
    "tool twice": ("- case_file\n", "- read_email\n", "`read_email` stands in this list twice; keep one"),
    "unknown tool": (TOOLS, "tools: [‸isolate_hots]", "no tool is called `isolate_hots`; did you mean `isolate_host`?"),
    "tools as text": (TOOLS, "tools: ‸isolate_host", "should be a list; write [a, b], or one `- ` a line"),
    "no tools": (TOOLS, "tools: ‸[]", "needs at least 1; add one"),
    "unknown argument": (
        'when: asset.kind == "domain_controller"',
        'when: asset.known && ‸args.hots.trusted && asset.kind == "domain_controller"',
        "`isolate_host` has no argument `hots`; did you mean `host`?",
    ),
    "argument of another tool": (
        WHEN,
        "when: evidence.manipulation || ‸args.message_id.trusted",
        "`block_indicator` has no argument `message_id`",
    ),
    "unknown fact with a near one": (WHEN, "when: ‸evidence.manipulatoin", "did you mean `evidence.manipulation`?"),
    "unknown fact of a group": (
        WHEN,
        "when: ‸asset.colour == 1",
        "`asset.colour` is not a fact; `asset` has known, tier",
    ),
    "unknown group": (WHEN, "when: ‸weather.rain", "`weather.rain` is not known; facts are ticket, verdict"),
    "field an argument does not have": (
        WHEN,
        "when: ‸args.host.source == 1",
        "is not a fact; did you mean `args.host.sources`?",
    ),
    "unknown function": (WHEN, "when: isOwned‸(tool)", "`isOwned` is no function; did you mean `isOwn`?"),
    "word a fact never is": (
        WHEN,
        'when: verdict.label == ‸"malicous"',
        '`verdict.label` is never "malicous"; did you mean "malicious"?',
    ),
    "whole number beside a fraction": (WHEN, "when: verdict.confidence ‸>= 1", "write a number with a point, like 1.0"),
    "text beside a number": (WHEN, 'when: asset.tier ‸< "2"', "`<` cannot compare a whole number with text"),
    "condition that is a number": (WHEN, "when: ‸asset.tier", "gives int, not true or false"),
    "and in words": (WHEN, "when: asset.known ‸and evidence.manipulation", "and is written `&&`"),
    "not in words": (WHEN, "when: ‸not evidence.manipulation", "not is written `!`"),
    "text without quotes": (WHEN, "when: tool == ‸isolate_host", "args and tool, and text stands in quotes"),
    "whole group": (WHEN, "when: ‸asset == 1", "`asset` holds several facts; write asset.known, asset.tier"),
    "nothing to the right": (WHEN, "when: asset.tier ‸>", "the condition ends too early"),
    "expression that is none": (WHEN, 'when: tool.matches(‸"[")', "is not a regular expression"),
    "has()": (WHEN, "when: ‸has(asset.tier)", "`has()` is not needed: every fact is always present; remove it"),
    "quote that is not closed": (WHEN, 'when: tool == ‸"isolate_host', "this text is not closed; add the quote"),
    "parenthesis that is not closed": (
        WHEN,
        "when: (asset.known && evidence.manipulatio‸n",
        "a parenthesis is not closed; add `)`",
    ),
    "one equals sign": (WHEN, "when: asset.tier ‸= 2", "a comparison is written `==`"),
    "long condition": (WHEN, f"when: ‸{'true || ' * 600}true", "is longer than 4000 characters; split the rule"),
    "bad id": ("id: look", "id: ‸Look at it", "may hold lower-case letters, digits, `_`, `.` and `-` only; rename it"),
    "id twice": ("id: isolate-critical", "id: ‸look", "rule id `look` appears twice; give each rule its own"),
    "no examples": (f"    examples:\n      {EXAMPLE}\n", "", "`examples` is missing; add it"),
    "empty examples": (f"examples:\n      {EXAMPLE}\n", "examples: ‸[]\n", "needs at least 1; add one"),
    "group misspelt": (EXAMPLE, "- {given: {‸aset: {tier: 1}}, expect: allow}", "did you mean `asset`?"),
    "field misspelt": (EXAMPLE, "- {given: {asset: {‸teir: 1}}, expect: allow}", "did you mean `tier`?"),
    "fact of the wrong type": (EXAMPLE, '- {given: {asset: {tier: ‸"1"}}, expect: allow}', "should be a whole number"),
    "fact out of range": (
        EXAMPLE,
        "- {given: {asset: {tier: ‸9}}, expect: allow}",
        "should be less than or equal to 4",
    ),
    "yes for true": (EXAMPLE, "- {given: {asset: {known: ‸yes}}, expect: allow}", "should be true or false"),
    "word an example cannot hold": (
        EXAMPLE,
        "- {given: {asset: {kind: ‸workstaton}}, expect: allow}",
        "did you mean workstation?",
    ),
    "tool of another rule": (EXAMPLE, "- {given: {tool: ‸isolate_host}, expect: allow}", "this rule does not speak of"),
    "argument an example invents": (
        EXAMPLE,
        "- {given: {tool: case_file, args: {‸host: {value: x}}}, expect: allow}",
        "`case_file` has no argument `host`; known are none",
    ),
    "argument that is a list": (
        EXAMPLE,
        "- {given: {tool: read_email, args: {attachment: {value: ‸[a]}}}, expect: allow}",
        "should be one text, number, true or false",
    ),
    "approvals of what is allowed": (
        EXAMPLE,
        "- {given: {}, expect: allow, approvals: ‸1}",
        "belongs to `expect: ask` only; remove it",
    ),
    "expectation misspelt": (EXAMPLE, "- {given: {}, expect: ‸alow}", "did you mean allow?"),
    "example without a situation": (EXAMPLE, "- ‸{expect: allow}", "`given` is missing; add it"),
    "example that fails": (
        EXAMPLE,
        "- ‸{given: {}, expect: deny}",
        "example of `look` expects deny, but the policy answers allow for case_file: Looking changes nothing.",
    ),
    "example with other approvals": (
        "then: {approvals: 2, from: [admin], expires: 7d}",
        "then: {approvals: 1}",
        "example of `activate-policy` expects 2 approvals, but the policy asks for 1",
    ),
    "long reason": (REASON, f"reason: ‸{'x' * 501}", "is longer than 500 characters; shorten it"),
    # How the file is written.
    "key twice": (WHEN, f"{WHEN}\n    ‸{WHEN}", "key `when` appears twice; keep one of them"),
    "anchor": (WHEN, "when: ‸&same evidence.manipulation", "anchor &same: anchors are not allowed; remove it"),
    "alias": (ASK, "then: ‸*same", "alias *same: write the value out in full"),
    "merged keys": (WHEN, "‸<<: {when: evidence.manipulation}", "unknown key `<<`"),
    "tag": (WHEN, "when: ‸!!python/name:os.system evidence.manipulation", "tags are not allowed; remove it"),
    "tab": (
        "    when: evidence.manipulation",
        "‸\twhen: evidence.manipulation",
        "a tab stands here; indent with spaces",
    ),
    "list that is not closed": (
        TOOLS,
        "tools: [isolate_host",
        "a list that `[` opens is not closed; add `]` or a comma",
    ),
    "quote that YAML misses": ("reason: Another policy", 'reason: ‸"Another policy', "a quote is not closed; add it"),
    "colon in a sentence": (
        REASON,
        "reason: Looking‸: changes nothing: really.",
        "put text that holds a colon in quotes",
    ),
    "line that is neither": (REASON, "reason\n    lease: 4h", "is not YAML here: "),
    "not aligned": ("    tools: [isolate_host]", "    tools: [isolate_host]\n   ‸tools: []", "is not YAML here: "),
    "escape in double quotes": (REASON, 'reason: "C:\\‸windows"', "use single quotes"),
    "not a number": ("per_hour: 50", "per_hour: ‸.nan", "is not a number that can be compared; write a finite one"),
    "infinite": ("confidence: 0.9}", "confidence: ‸.inf}", "is not a number that can be compared; write a finite one"),
    "infinite by its size": ("confidence: 0.9}", "confidence: ‸1e999}", "is not a number that can be compared"),
    "number nobody can carry": ("per_hour: 50", "per_hour: ‸9007199254740993", "is beyond 9007199254740991"),
    "number with very many digits": ("per_hour: 50", f"per_hour: ‸{'9' * 5000}", "is beyond 9007199254740991"),
    "octal or decimal": ("per_hour: 50", "per_hour: ‸050", "starts with 0, which programs read differently"),
    "invisible character": (
        REASON,
        "reason: Looking ‸\u202echanges.",
        "an invisible character (U+202E) stands here; delete it",
    ),
    "hidden line end": (REASON, "reason: a # note‸\u2028    then: deny", "an invisible character (U+2028) stands here"),
    "NUL": (REASON, "reason: Looking ‸\x00", "holds NUL bytes, so it is not UTF-8 text; save it as UTF-8"),
    "key that is a map": (WHEN, "‸{a: b}: c", "a key must be a plain word"),
    "nested too deep": (EXAMPLE, f"- {'{a: ' * 13}‸1{'}' * 13}", "is nested deeper than 16 levels; flatten it"),
    "rule that is a word": ("  - id: look\n", "  - ‸look\n  - id: look\n", "should be keys with values"),
    "rules that are no list": ("rules:\n", "rules: ‸{}\nrulez:\n", "`rules` should be a list"),
}
