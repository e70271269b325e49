"""The wordings by which text addresses a triage machine. Each row: what it is, then one pattern.

`~` stands for a few words of the same sentence, `{machine}`, `{act}` and `{tool}` for the words below.
"""

# ruff: noqa: E501, ISC004 - a table of patterns reads best a row a line

from __future__ import annotations

import re

WORDS = {
    "~": r"[^.\n]{0,30}",
    "{machine}": r"(?:ai|a\.i\.|llm|language model|assistant|chat ?bot|gpt|copilot|agents?"
    r"|(?:ai|soc|triage|security|autonomous) (?:agents?|bots?|models?|assistants?))",
    "{act}": r"(?:quarantine_email|block_indicator|isolate_host|disable_account|revoke_sessions|rotate_secret"
    r"|close_ticket)",
    "{tool}": r"(?:quarantine_email|block_indicator|isolate_host|disable_account|revoke_sessions|rotate_secret"
    r"|close_ticket|read_email|read_ticket|inspect_url|decode_script|extract_indicators|lookup_indicator|lookup_asset"
    r"|lookup_identity|lookup_technique|lookup_vulnerability|search_logs|similar_cases|case_file|inspect_file"
    r"|scan_yara|match_sigma|query_url|query_dns|lookup_reputation|run_python|propose_action"
    r"|[a-z0-9]+__[a-z0-9_]+)",  # tools of MCP servers
    "{rules}": r"(?:instructions?|prompts?|directions?|directives?|rules|guidelines|guardrails|polic(?:y|ies)"
    r"|training|programming)",
    "{before}": r"(?:previous|prior|above|earlier|preceding|foregoing|former|original|initial|existing|your|system)",
    "{harmless}": r"(?:a )?[\"'`]?(?:benign|harmless|false[- ]positive|clean|not malicious|non-malicious|legitimate)",
    "{subject}": r"(?:ticket|case|alert|incident|verdict|finding|detection)",
    "{judge}": r"(?:mark|classify|label|rate|treat|categori[sz]e|flag|score|consider|declare|judge|conclude|resolve|close)",
}

ROWS = (
    ("override", r"\b(?:ignore|disregard|forget|override|bypass)\b~\b{before}\b~\b{rules}\b"),
    ("override", r"\b(?:ignore|disregard|forget) (?:all|any|every|the)? ?(?:of )?(?:your|system|prior|previous) \w+"
                 r"(?: and| above|$)"),
    ("override", r"\b(?:ignorier\w*|vergiss|missachte)\b~\b(?:anweisung|instruktion|regel)\w*"),
    ("override", r"\b(?:ignore[zr]?|oublie[zr]?)\b~\binstructions? (?:précédentes?|antérieures?|ci-dessus)\b"),
    ("override", r"\b(?:ignora|ignore|olvida)\b~\b(?:instrucciones|istruzioni|instruções)\b"),
    ("system prompt", r"\b(?:system|developer) (?:prompt|instructions?)\b\s*(?:[:=>\"'`]|is\b|override|update)"),
    ("system prompt", r"\b(?:reveal|print|repeat|show|output|leak)\b~\b(?:system prompt|your (?:prompt|instructions))\b"),
    ("new instructions", r"^\W{0,6}(?:new|updated|revised|real|secret) (?:system )?instructions?(?: for [\w ]{1,30})?\s*:"),
    ("jailbreak", r"\b(?:developer|dan|god|debug|maintenance|unrestricted) mode\b~\b(?:enabled|activated)\b|\bjailbreak\b"),
    ("role change", r"\byou are (?:now |actually |really )?(?:an? |the |my )?(?:[\w-]{1,20} ){0,3}{machine}\b"),
    ("role change", r"\b(?:you are now|from now on,? you|pretend (?:to be|you are)|act as if you)\b~"
                    r"\b(?:analyst|assistant|model|admin\w*|triage|unrestricted|obey)\b"),
    ("addressed to the AI", r"\bas an? (?:ai|llm|language model)\b"),
    ("addressed to the AI", r"\b(?:notice|attention|attn|message|instructions?|reminder|hint|note) (?:to|for) "
                            r"(?:(?:the|any|all|every|whichever|our|your) )?(?:[\w-]{1,20} ){0,2}{machine}\b"),
    ("addressed to the AI", r"\b(?:dear|hello|hey|attention|attn|hi)[ ,:]{1,2}(?:the )?(?:ai|llm|language model|chat ?bot"
                            r"|(?:ai|soc|triage|security) (?:agent|bot|model|assistant))s?\b"),
    ("addressed to the AI", r"\bif you are (?:an? |the )?(?:[\w-]{1,20} ){0,2}(?:ai|llm|language model|bot|assistant"
                            r"|automated (?:system|agent|analyst|tool))\b"),
    ("addressed to the AI", r"\b(?:ai|llm|language model|automated|triage|soc) (?:agents?|assistants?|models?|systems?"
                            r"|analysts?|bots?|triage)\b~\b(?:reading|processing|analy[sz]ing|reviewing|triaging|must"
                            r"|are instructed|is instructed)\b"),
    ("order about the verdict", r"\b{judge}\b~\b{subject}\b~\b(?:as|to be|is)\s*{harmless}\b"),
    ("order about the verdict", r"\b{judge} (?:it|this|these|them|this \w+)\b[^.\n]{0,15}\b(?:as|to be) {harmless}\b"),
    ("order about the verdict", r"\b{judge} (?:it|this|this (?:ticket|case|alert|incident))\b[^.\n]{0,15}\bas safe\b"),
    ("order about the verdict", r"\b(?:set|change|make|output|return|respond with|answer with)\b~\b(?:verdict|severity"
                                r"|confidence|risk score)\b[^.\n]{0,15}(?:\b(?:to|as|of)\b|[:=])"),
    ("order about the verdict", r"[\"'`]?\b(?:verdict|final assessment)\b[\"'`]?\s*[:=]\s*[\"'`]?(?:benign|safe|clean)\b"),
    ("order not to act", r"\b(?:do not|don'?t|never|must not|should not|no need to|refrain from) (?:escalat\w+"
                         r"|quarantin\w+|isolat\w+ (?:the|this|any)|investigat\w+ (?:this|further)"
                         r"|(?:call|use|run|invoke) (?:any |the |other |further )*tools?)\b"),
    ("order not to act", r"\b(?:do not|don'?t|never) (?:flag|report|alert|raise|propose|recommend)\b~\b(?:ticket|case"
                         r"|incident|action|analyst|soc|verdict|this (?:e-?mail|message|host|account) as)\b"),
    ("tool named", r"\b(?:call|run|use|invoke|execute|trigger)\b~\b{tool}\b"),
    ("tool named", r"\b{tool}\s*\(|[\"'](?:tool|name|function|action)[\"']\s*:\s*[\"'](?:functions\.)?{act}[\"']"),
    ("forged turn", r"<\|(?:im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id)\|>|\[/?INST\]"
                    r"|<</?SYS>>"),
    ("forged turn", r"^\W{0,4}(?:assistant|system prompt)\s*:\s*\S|^#{2,4} ?(?:instruction|system|response)s?\s*:?\s*$"),
    ("forged turn", r"</?(?:tool_call|tool_result|function_calls?|untrusted|evidence)>"),
    ("claimed approval", r"\bpre-?(?:approved|authori[sz]ed)\b~\b(?:by|for)\b~\b(?:agents?|automation|soc"
                         r"|security (?:team|operations)|triage)\b"),
)  # fmt: skip


def _compiled(pattern: str) -> re.Pattern[str]:
    for _ in range(2):  # a word may stand for words
        for word, meaning in WORDS.items():
            pattern = pattern.replace(word, meaning)
    return re.compile(pattern, re.IGNORECASE | re.MULTILINE)


PATTERNS = tuple((kind, _compiled(pattern)) for kind, pattern in ROWS)
