"""The same playbook as prose, for the prompts of models that think for themselves."""

from __future__ import annotations

from collections.abc import Iterable

from agents.playbook.library import placeholders
from agents.playbook.schema import Look, Playbook, Sign


def guidance(playbook: Playbook, role: str) -> str:
    """What this role is told about this kind of ticket."""
    lines = [f"## Guidance: {playbook.summary}"]
    match role:
        case "responder":
            lines += ["Actions that fit:", *_responses(playbook)]
        case "reviewer":
            lines += ["Look further:", *_looks(playbook.refute.look)] if playbook.refute.look else []
            lines += ["What explains such a ticket, when a trusted store confirms it:"]
            lines += _signs(s for s in [*playbook.weigh, *playbook.refute.weigh] if s.explains)
            lines += ["What speaks for an attack:", *_signs(s for s in playbook.weigh if not s.explains)]
        case _:
            lines += ["Look, in this order:", *_looks(playbook.look)]
            lines += ["What it means:", *_signs(playbook.weigh)]
    return "\n".join(lines)


def _looks(looks: Iterable[Look]) -> list[str]:
    return [f"- {look.why} (`{look.tool}`{', for each' if look.each else ''})" for look in looks]


def _signs(signs: Iterable[Sign]) -> list[str]:
    return [f"- {_readable(sign.says)} {_weight(sign)}" for sign in signs]


def _weight(sign: Sign) -> str:
    technique = f"; {sign.technique}" if sign.technique else ""
    if sign.decisive:
        return f"(proof of an attack{technique})"
    size = abs(sign.points)
    strength = "strong" if size >= 2 else "clear" if size >= 1 else "weak"
    return f"({strength} {'explanation' if sign.explains else 'sign of attack'}{technique})"


def _responses(playbook: Playbook) -> list[str]:
    return [
        f"- `{r.tool}` when the verdict is {' or '.join(v.value for v in r.verdicts)}: {_readable(r.reason)}"
        for r in playbook.respond
    ]


def _readable(template: str) -> str:
    for path in placeholders(template):
        template = template.replace("{" + path + "}", "<" + path.rsplit(".", 1)[-1].replace("_", " ") + ">")
    return template
