"""Where the numbers of the overview lead: the list of what each of them counts, of the same period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from core.store.worklist import NONE
from gateway.console.queue_view import said_of


@dataclass(frozen=True, slots=True)
class Leads:
    """Addresses of lists, all of one period; both ends stand on whole minutes."""

    since: datetime
    until: datetime

    @property
    def before(self) -> Leads:
        """The period of the same length before this one."""
        try:
            return Leads(self.since - (self.until - self.since), self.since)
        except OverflowError:  # somebody wrote an address of their own
            return Leads(self.since, self.since)

    def queue(self, **filters: str) -> str:
        """Tickets that came in."""
        return self._at("/queue", **filters)

    def verdict(self, name: str) -> str:
        """Tickets by the verdict they have; `without` are those that have none."""
        return self.queue(verdict=NONE if name == "without" else name)

    def runs(self, by: str) -> str:
        """Answers of teams, the most of `by` first."""
        return self._at("/overview/runs", by=by)

    def answers(self) -> str:
        """Answers of people."""
        return self._at("/overview/answers")

    def words(self, said: str = "") -> str:
        """Words of people on verdicts: `agreed`, `corrected` or both."""
        return self._at("/overview/words", said=said)

    def decisions(self, outcome: str = "") -> str:
        """Answers of policy about proposed actions."""
        return self._at("/overview/decisions", outcome=outcome)

    def masked(self, kinds: Sequence[str] = ()) -> str:
        """Tickets in which values of these kinds are hidden."""
        return self._at("/overview/masked", kind=list(kinds))

    def _at(self, path: str, **wanted: str | list[str]) -> str:
        said = {name: value for name, value in wanted.items() if value}
        period = {"since": said_of(self.since), "until": said_of(self.until)}
        return f"{path}?{urlencode({**said, **period}, doseq=True, safe=':')}"
