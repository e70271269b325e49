"""Every reading tool gives the same answer in both tiers: nothing it needs is missing where Landlock holds it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from core.canonical import JsonObject
from core.errors import ToolRefused
from policies.bundle import default_bundle_path, load_bundle
from policies.masking.masker import Masker
from tests.unit.sandbox.as_user import can_be, run_as
from tests.unit.tools.house import build
from tests.unit.tools.test_mail import mail
from tools.limits import Limits
from tools.registry import default_registry
from tools.runner import Runner
from tools.sandbox import kernel
from tools.sandbox.call import Asked
from tools.sandbox.pooled import PooledSandbox
from tools.sandbox.sandbox import SelfTest, make_sandbox
from tools.sandbox.tiers import Tier
from tools.tryout import Tryout

EVENT = {"EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", "Computer": "LT-17", "User": "anna",
         "Image": "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe",
         "CommandLine": "powershell -nop -w hidden -enc SQBFAFgA", "UtcTime": "2026-11-20 08:00:00.000"}  # fmt: skip
TICKET: dict[str, Any] = {
    "body": "See hxxp://clearing-h0use[.]example/login, CVE-2026-1234, powershell -w hidden -enc SQBFAFgA",
    "fields": {"events": [EVENT, {**EVENT, "UtcTime": "2026-11-20 11:30:00.000"}]},
    "attachments": {"mail.eml": mail()},
}
CALLS: dict[str, JsonObject] = {
    "decode_script": {"text": "powershell.exe -EncodedCommand RwBlAHQALQBQAHIAbwBjAGUAcwBzAA=="},
    "extract_indicators": {"text": ""},
    "inspect_file": {"attachment": 0, "path": ""},
    "inspect_url": {"url": "hxxp://xn--clearinghuse-rfb[.]example/login"},
    "lookup_asset": {"host": "no-such-host"},
    "lookup_identity": {"user": "nobody in particular"},
    "lookup_indicator": {"value": "clearing-h0use.example"},
    "lookup_reputation": {"value": "clearing-h0use.example"},
    "lookup_technique": {"query": "T1566.002"},
    "lookup_vulnerability": {"cve": "CVE-2026-1234"},
    "match_sigma": {"level": "low"},
    "query_dns": {"value": "clearing-h0use.example"},
    "query_url": {"url": "http://clearing-h0use.example/login"},
    "read_email": {"attachment": 0},
    "read_ticket": {},
    "run_python": {
        "code": "import statistics, duckdb\n"
        "print(duckdb.sql('select 6 * 7').fetchall())\n"
        "statistics.mean(len(e) for e in events)"
    },
    "scan_yara": {"attachment": 0, "path": ""},
    "search_logs": {"sql": "SELECT Computer, count(*) AS n FROM events GROUP BY 1"},
    "similar_cases": {},
    "ssvc": {"cve": "CVE-2026-1234", "exploitation": "active", "automatable": "yes", "technical_impact": "total",
             "vector": "", "mission_prevalence": "essential", "public_well_being": "material"},
    "timeline": {"about": "", "gap_minutes": 60},
    "whois": {"value": "clearing-h0use.example"},
}  # fmt: skip
#: Makes recorded calls again, in the other tier.
REPLAY = """
import asyncio, json, sys
from core.errors import ToolRefused
from tools.limits import Limits
from tools.sandbox.sandbox import make_sandbox
sandbox = make_sandbox("confined", size=2)
async def answered(call):
    try:
        return {"result": await sandbox.run(call["entry"], call["payload"], Limits(**call["limits"]))}
    except ToolRefused as refused:
        return {"refused": str(refused)}
async def main():
    return [await answered(call) for call in json.load(sys.stdin)]
print(json.dumps(asyncio.run(main())))
sandbox.close()
"""


class Recording:
    """A real sandbox, and a list of what it was asked and answered."""

    def __init__(self, inner: PooledSandbox) -> None:
        self._inner = inner
        self.calls: list[JsonObject] = []
        self.answers: list[JsonObject] = []

    @property
    def tier(self) -> Tier:
        return self._inner.tier

    def selftest(self) -> SelfTest:
        return self._inner.selftest()

    async def run(
        self, entry: str, payload: JsonObject, limits: Limits = Limits(), *, ask: Asked | None = None
    ) -> JsonObject:
        del ask  # there is no broker in the other tier's process either
        self.calls.append({"entry": entry, "payload": payload, "limits": asdict(limits)})
        try:
            answer = await self._inner.run(entry, payload, limits)
        except ToolRefused as refused:
            self.answers.append({"refused": str(refused)})
            raise
        self.answers.append({"result": answer})
        return answer


def recorded(folder: Path) -> Recording:
    """Every tool called once on one ticket, as a team's call would go."""
    bundle = load_bundle(default_bundle_path())
    inner = make_sandbox("namespaces", size=2)
    recording = Recording(inner)
    house = build(folder, bundle=bundle, masker=Masker(bundle), sandbox=recording, **TICKET)
    tryout = Tryout(
        case=house.case, registry=default_registry(), bundle=bundle, session=house.session,
        runner=Runner(sandbox=recording), store=house.store, clock=house.clock,
    )  # fmt: skip

    async def calls() -> None:
        for name, arguments in CALLS.items():
            try:
                await tryout.call(name, arguments)
            except ToolRefused:
                continue

    asyncio.run(calls())
    inner.close()
    return recording


def test_every_reading_tool_is_called() -> None:
    registry = default_registry()
    assert set(CALLS) == {name for name in registry.names() if not registry.get(name).acts}


@pytest.mark.skipif(kernel.landlock_version() < 1, reason="this kernel has no Landlock")
@pytest.mark.parametrize("user", ["root", "nobody"])
def test_every_tool_answers_alike_in_both_tiers(tmp_path: Path, user: str) -> None:
    if not can_be(user):
        pytest.skip("only root can be root")
    recording = recorded(tmp_path)
    replayed = run_as(user, REPLAY, given=json.dumps(recording.calls))
    assert replayed.returncode == 0, replayed.stderr
    entries = [call["entry"] for call in recording.calls]
    confined = dict(zip(entries, json.loads(replayed.stdout), strict=True))
    assert confined == dict(zip(entries, recording.answers, strict=True))
    # Only those that ask outside have nobody to ask here.
    refused = {entry.split(".")[-1].split(":")[0] for entry, answer in confined.items() if "refused" in answer}
    assert refused <= {"lookup_reputation", "query_dns", "query_url", "whois"}
