"""`masking.yaml`: how each kind of personal data is treated, which tool may restore it, and who reads names."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

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
    "URL",
    "ENCODED",
    "PROSE",
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
    "URL": "token",
    "ENCODED": "token",
    "PROSE": "token",
}


#: What becomes of a kind of indicator.
Handling = Literal["keep", "mask"]
#: Kinds of identifiers whose form only the organization knows.
IdEntity = Literal["EMPLOYEE_ID", "CUSTOMER_ID", "BANK_ACCOUNT", "NATIONAL_ID", "HOST", "LICENCE_PLATE", "USERNAME"]
Text = Annotated[str, Field(min_length=1, max_length=1000)]


class Indicators(Strict):
    """What an attacker leaves behind is evidence and stays readable, unless a bundle says otherwise."""

    #: IP addresses outside our networks.
    addresses: Handling = "keep"
    #: The domain of a mailbox outside our domains; its local part is masked in any case.
    mail_domains: Handling = "keep"
    #: URLs and domain names of others.
    urls: Handling = "keep"


class IdPattern(Strict):
    """A form of identifier that only this organization uses."""

    entity: IdEntity
    #: RE2 over the text with letters outside ASCII flattened. Whole words only.
    regex: Annotated[str, Field(min_length=1, max_length=500)]
    #: Words of which one must stand before it on the same line; none: the form alone is enough.
    context: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(default_factory=list, max_length=50)
    #: Texts in which it must be found, and texts in which it must not.
    examples: list[Text] = Field(default_factory=list)
    not_examples: list[Text] = Field(default_factory=list)

    @field_validator("regex")
    @classmethod
    def _compiles(cls, regex: str) -> str:
        import re2

        if not regex.isascii():
            raise ValueError("looks at letters without their accents; write it in ASCII, `u` for `ü`")
        options = re2.Options()
        options.log_errors = False
        try:
            expression = re2.compile(regex, options)
        except re2.error as error:
            raise ValueError(f"is no RE2 expression: {error}") from None
        if expression.match("") is not None:
            raise ValueError("matches nothing at all; say what the identifier looks like")
        return regex


class MaskingExample(Strict):
    """A text, what must not be readable in it after masking, and what must."""

    text: Annotated[str, Field(min_length=1, max_length=4000)]
    hides: list[Text] = Field(default_factory=list)
    shows: list[Text] = Field(default_factory=list)


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
    indicators: Indicators = Field(default_factory=Indicators)
    #: Identifiers of our own: customers, staff, machines.
    patterns: list[IdPattern] = Field(default_factory=list, max_length=100)
    #: Run when the bundle is loaded, by patterns and keys alone: a name model's guess is no promise.
    examples: list[MaskingExample] = Field(default_factory=list)
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
