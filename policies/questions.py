"""What conditions and limits ask about facts; the same question has the same answer wherever it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from policies.atoms import Atom, Comparison, Form, Membership, Node, atoms
from policies.fast import Test

#: The answers a question may have, as bits: several together mean that it is not decided yet.
TRUE, FALSE, FAILS = 1, 2, 4
ANY = TRUE | FALSE | FAILS


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """Something a rule or an invariant asks about facts."""

    #: As people read it: `asset.tier >= 2`.
    text: str
    #: Questions with the same key have the same answer.
    key: str
    reads: frozenset[str]
    form: Form | None
    ask: Test = field(repr=False)

    def answer(self, named: Mapping[str, Any]) -> int:
        """TRUE, FALSE, or FAILS when it cannot be decided."""
        try:
            return TRUE if self.ask(dict(named)) else FALSE
        except Exception:  # noqa: BLE001  (whatever goes wrong, the engine calls the condition undecided)
            return FAILS


def question(atom: Atom, ask: Test) -> Question:
    """The question an atom asks, answered by its test in the engine."""
    text = " ".join(atom.source.split())
    return Question(text=text, key=key_of(atom), reads=atom.reads, form=atom.form, ask=ask)


def key_of(atom: Atom) -> str:
    """Atoms with the same key ask the same."""
    return atom.source if atom.form is None else repr(atom.form)


def keys_of(node: Node) -> frozenset[str]:
    """The keys of all questions of a condition."""
    return frozenset(map(key_of, atoms(node)))


def signature(fact: str, value: Any, questions: Sequence[Question]) -> tuple[int, ...]:
    """What each question answers about one value."""
    return tuple(asked.answer({fact: value}) for asked in questions)


def elsewhere(asked: Question) -> int | None:
    """The answer to a question for every value that it does not name; None when that depends on the value."""
    match asked.form:
        case Comparison(operator="==" | "!=" as operator, literal=str()):
            return FALSE if operator == "==" else TRUE
        case Membership(values=values) if all(isinstance(value, str) for value in values):
            return FALSE
        case _:
            return None
