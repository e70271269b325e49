"""What our directory says about a person or account."""

from __future__ import annotations

from tools.investigate.answer import Object, answer


def run(arguments: Object, inputs: Object) -> Object:
    """See the facts of `lookup_identity` in `fact_names`."""
    del arguments  # what was asked for is not repeated: this evidence counts as internal
    person = inputs["identity"]
    if person is None:
        facts = {"known": False, "role": "", "department": "", "vip": False, "privileged": False,
                 "service_account": False, "mfa": False, "countries": ""}  # fmt: skip
        return answer("Nobody of ours goes by this name or address.", facts, {})
    flags = ("vip", "privileged", "service_account", "mfa")
    facts = {
        "known": True,
        "role": person["role"],
        "department": person["department"],
        **{flag: bool(person[flag]) for flag in flags},
        "countries": ",".join(person["countries"]),
    }
    notable = [flag.replace("_", " ") for flag in flags[:3] if facts[flag]]
    if not facts["mfa"] and not facts["service_account"]:
        notable.append("without a second factor")
    summary = f"{person['role'] or 'Account'} in {person['department'] or 'no department'}"
    return answer(f"{summary}{': ' + ', '.join(notable) if notable else ''}.", facts, dict(person))
