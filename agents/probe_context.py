"""How much an endpoint really reads: a line is asked for that stands before the middle of a long log."""

from __future__ import annotations

from agents import probe_texts as texts
from agents.probe_checks import Found, Subject
from agents.probe_http import Said
from agents.probe_report import Outcome

#: Lines of the short log that tells how many tokens a line takes.
SHORT = 40
#: Tokens of a line where the endpoint counts none.
TOKENS_PER_LINE = 24
#: Part of the window that is filled: tokens are estimated, and a prompt that is too long is refused.
FILLED = 0.9
#: Tokens that the long prompt has at most: ten times what any team needs, and somebody pays for them.
MAX_TOKENS = 131_072
#: Share of the expected tokens below which an endpoint has cut the prompt without a word.
CUT = 0.7


async def context(subject: Subject) -> Found:
    """Finds one line in a prompt that nearly fills the window."""
    answer = await subject.chat(texts.haystack(SHORT))
    if texts.NEEDLE not in answer.content:
        return Found(outcome=Outcome.WRONG, reason=f"It does not find a line in a log of {SHORT} lines.")
    per_line = answer.prompt_tokens / SHORT if answer.prompt_tokens else TOKENS_PER_LINE
    wanted = min(subject.context, MAX_TOKENS) * FILLED - subject.answer_tokens
    lines = max(SHORT, int(wanted / per_line))
    expected = round(lines * per_line)
    return _judged(await subject.chat(texts.haystack(lines)), expected)


def _judged(answer: Said, expected: int) -> Found:
    """`expected` are the tokens that the prompt should have been."""
    read = answer.prompt_tokens or expected
    facts = {"tokens": float(read)}
    if read < CUT * expected:
        reason = f"It read {read} of about {expected} tokens: it cuts long prompts without a word."
        return Found(outcome=Outcome.WRONG, reason=reason, facts=facts)
    if texts.NEEDLE not in answer.content:
        return Found(outcome=Outcome.WRONG, reason=f"It does not find a line among {read} tokens.", facts=facts)
    return Found(outcome=Outcome.GOOD, reason=f"It finds a line among {read} tokens.", facts=facts)
