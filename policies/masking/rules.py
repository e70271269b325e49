"""`masking.yaml`: how each kind of personal data is treated, which tool may restore it, and who reads names."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from core.ticket import Strict

Entity = Literal[
    "PERSON",
    "USERNAME",
    "EMAIL",
    "PHONE",
    "ADDRESS",
    "LOCATION",
    "ORGANIZATION",
    "NRP",
    "AGE",
    "DATE_OF_BIRTH",
    "NATIONAL_ID",
    "IBAN",
    "BANK_ACCOUNT",
    "CARD",
    "SECRET",
    "HOST",
    "IP",
    "MAC",
    "IMEI",
    "LICENCE_PLATE",
    "EMPLOYEE_ID",
    "CUSTOMER_ID",
    "ENCODED",
]
#: How an entity is shown: a reversible token, a token nothing restores, a token and the last four digits, as it is.
Treatment = Literal["token", "redact", "partial", "keep"]

#: Treatments of a bundle that names none. What a bundle leaves out is masked all the same.
DEFAULT_TREATMENTS: dict[Entity, Treatment] = {
    "PERSON": "token",
    "USERNAME": "token",
    "EMAIL": "token",
    "PHONE": "token",
    "ADDRESS": "token",
    "LOCATION": "token",
    "ORGANIZATION": "token",
    "NRP": "token",
    "AGE": "token",
    "DATE_OF_BIRTH": "redact",
    "NATIONAL_ID": "redact",
    "IBAN": "token",
    "BANK_ACCOUNT": "token",
    "CARD": "partial",
    "SECRET": "redact",
    "HOST": "token",
    "IP": "token",
    "MAC": "token",
    "IMEI": "token",
    "LICENCE_PLATE": "token",
    "EMPLOYEE_ID": "token",
    "CUSTOMER_ID": "token",
    "ENCODED": "token",
}


class Report(Strict):
    """Which entities a report restores, and for which ticket sources."""

    restore: list[Entity] = Field(default_factory=list)
    #: Ticket sources whose reports carry real names; `*` is every source.
    sources: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(default_factory=list)


class MaskingRules(Strict):
    """Everything in `masking.yaml`."""

    treatments: dict[Entity, Treatment] = Field(default_factory=dict)
    #: Words that are never part of a person's name.
    never_names: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(default_factory=list)
    #: Tool → argument → entities it may restore.
    sinks: dict[str, dict[str, list[Entity]]] = Field(default_factory=dict)
    report: Report = Field(default_factory=Report)

    def treatment(self, entity: Entity) -> Treatment:
        return self.treatments.get(entity, DEFAULT_TREATMENTS[entity])

    def sink(self, tool: str, argument: str) -> frozenset[str]:
        """Entities that may be restored in an argument of a tool; none unless listed."""
        return frozenset(self.sinks.get(tool, {}).get(argument, ()))

    def report_entities(self, source: str) -> frozenset[str]:
        """Entities that a report to a ticket source shows in the clear."""
        if "*" in self.report.sources or source in self.report.sources:
            return frozenset(self.report.restore)
        return frozenset()
