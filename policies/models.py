"""`models.yaml`: which model endpoints beside our own may be used, and how tickets are masked for those of others."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator, model_validator

from core.settings import PLAYBOOK_URL
from core.ticket import Strict
from policies.document import Document
from policies.masking.rules import Entity, MaskingRules, Treatment
from policies.masking.strictness import allows
from policies.model_address import ModelAddress, read_address
from policies.sentences import faults

if TYPE_CHECKING:
    from core.masking import Profile

#: `local`: on machines of ours. `cloud`: on machines of others.
Location = Literal["local", "cloud"]
#: What may become of a kind of data for a cloud endpoint; `keep` and `partial` would show something of it.
CloudTreatment = Literal["token", "redact"]


class Endpoint(Strict):
    """A model endpoint outside our own network that may be used, or one inside of it that hands on to a cloud."""

    #: What reports call it.
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=64)]
    #: Scheme, host, port and how the path begins; what lies below that path is named too.
    url: Annotated[str, Field(min_length=1, max_length=500)]
    #: local: machines of ours. cloud: machines of others, so that tickets are masked more strictly.
    location: Location

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        read_address(url)
        if "@" in url or "?" in url or "#" in url:
            raise ValueError("holds a login, a query or a fragment; write scheme, host, port and path only")
        return url

    @cached_property
    def address(self) -> ModelAddress:
        return read_address(self.url)


class CloudIndicators(Strict):
    """Indicators that a cloud endpoint does not see although they are evidence; what is left out is as usual."""

    #: IP addresses outside our networks.
    addresses: Literal["mask"] | None = None
    #: The domain of a mailbox outside our domains.
    mail_domains: Literal["mask"] | None = None
    #: URLs and domain names of others.
    urls: Literal["mask"] | None = None


class CloudMasking(Strict):
    """How tickets are masked while an endpoint of the chain is a cloud's; what is left out is as in masking.yaml."""

    #: Kinds of data that are treated more strictly; `redact` tokens are never restored, not for our own tools either.
    treatments: dict[Entity, CloudTreatment] = Field(default_factory=dict)
    indicators: CloudIndicators = Field(default_factory=CloudIndicators)

    def applied(self, rules: MaskingRules) -> MaskingRules:
        """The rules with what is stricter for clouds."""
        treatments: dict[Entity, Treatment] = {**rules.treatments, **self.treatments}
        indicators = rules.indicators.model_copy(update=self.indicators.model_dump(exclude_none=True))
        return rules.model_copy(update={"treatments": treatments, "indicators": indicators})


class Models(Strict):
    """Everything in `models.yaml`."""

    #: Endpoints that may be used beside those of our own network; any other is refused for every ticket.
    endpoints: list[Endpoint] = Field(default_factory=list, max_length=100)
    cloud: CloudMasking = Field(default_factory=CloudMasking)

    @model_validator(mode="after")
    def _are_named_once(self) -> Models:
        seen: set[str] = set()
        twice = []
        for number, endpoint in enumerate(self.endpoints):
            if endpoint.name in seen:
                twice.append((("endpoints", number, "name"), f"the name `{endpoint.name}` appears twice; rename one"))
            seen.add(endpoint.name)
        if twice:
            raise faults(twice)
        return self

    def location(self, url: str) -> Location | None:
        """Whose machines an endpoint runs on; None when it may not be used. An entry that says cloud always counts."""
        if url == PLAYBOOK_URL:
            return "local"
        try:
            address = read_address(url)
        except ValueError:
            return None
        said = {endpoint.location for endpoint in self.endpoints if endpoint.address.holds(address)}
        if "cloud" in said:
            return "cloud"
        return "local" if said or address.inner else None

    def refusal(self, url: str) -> str | None:
        """Why no ticket may go to an endpoint, and what to write where; None when it may be used."""
        if self.location(url) is not None:
            return None
        try:
            shown = str(read_address(url))
        except ValueError as error:
            return f"A model endpoint of the settings {error}."
        return (
            f"The model endpoint {shown} is not of our own network and the policy does not name it, so no ticket goes "
            f"there; if it may be used, add it to `endpoints` in models.yaml: {{name: …, url: {shown}, location: "
            "cloud}, or location: local for machines of your own."
        )

    def profile(self, urls: Iterable[str]) -> Profile:
        """For which models a process masks that may send to these endpoints."""
        return "cloud" if any(self.location(url) == "cloud" for url in urls) else "local"


def check_cloud(document: Document, models: Models, masking: MaskingRules) -> None:
    """Problems of `models.yaml`: a treatment that is looser than the one of masking.yaml."""
    for entity, treatment in models.cloud.treatments.items():
        usual = masking.treatment(entity)
        if not allows(usual, treatment):
            message = (
                f"`cloud.treatments.{entity}` is `{treatment}`, which is looser than `{usual}` in masking.yaml: a "
                "token can be restored; write redact, or leave it out"
            )
            document.problems.append(document.problem(("cloud", "treatments", entity), message))
