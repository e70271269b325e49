"""KEDA's objects follow its documentation and scale what there is by the queues that there are."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from core.settings import Settings
from tests.unit.project.manifests import Manifest, needs_kubectl, of_kind, validate
from workers.app import QUEUES

pytestmark = needs_kubectl

TEXT, COUNT = {"type": "string", "minLength": 1}, {"type": "integer", "minimum": 0}


def exactly(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """An object with these fields and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": sorted(required),
        "additionalProperties": False,
    }


#: Of https://keda.sh/docs/latest/scalers/redis-lists/: every value is a string.
REDIS = exactly(
    {"listName": TEXT, "listLength": {"type": "string", "pattern": "^[1-9][0-9]*$"}},
    {
        "address": {"type": "string", "pattern": r"^[a-z0-9.-]+:[0-9]+$"},
        **dict.fromkeys(("addressFromEnv", "host", "port", "usernameFromEnv", "passwordFromEnv"), TEXT),
        "activationListLength": TEXT,
        "enableTLS": {"enum": ["true", "false"]},
        "unsafeSsl": {"enum": ["true", "false"]},
        "databaseIndex": TEXT,
    },
)
TRIGGER = exactly(
    {"type": {"const": "redis"}, "metadata": REDIS},
    {
        "name": TEXT,
        "useCachedMetrics": {"type": "boolean"},
        "metricType": {"enum": ["AverageValue", "Value", "Utilization"]},
        "authenticationRef": exactly({"name": TEXT}, {"kind": TEXT}),
    },
)
#: Of https://keda.sh/docs/latest/reference/scaledobject-spec/; `behavior` is the autoscaler's own and checked as that.
SCALED_OBJECT = exactly(
    {"scaleTargetRef": exactly({"name": TEXT}, dict.fromkeys(("apiVersion", "kind", "envSourceContainerName"), TEXT)),
     "triggers": {"type": "array", "minItems": 1, "items": TRIGGER}},
    {
        **dict.fromkeys(("pollingInterval", "cooldownPeriod", "initialCooldownPeriod", "idleReplicaCount"), COUNT),
        **dict.fromkeys(("minReplicaCount", "maxReplicaCount"), COUNT),
        "fallback": exactly({"failureThreshold": COUNT, "replicas": COUNT}, {"behavior": TEXT}),
        "advanced": exactly(
            {},
            {
                "restoreToOriginalReplicaCount": {"type": "boolean"},
                "horizontalPodAutoscalerConfig": exactly({}, {"name": TEXT, "behavior": {"type": "object"}}),
            },
        ),
    },
)  # fmt: skip
#: Of https://keda.sh/docs/latest/concepts/authentication/.
TRIGGER_AUTHENTICATION = exactly(
    {"secretTargetRef": {"type": "array", "items": exactly(dict.fromkeys(("parameter", "name", "key"), TEXT))}}
)
SPECS = {"ScaledObject": SCALED_OBJECT, "TriggerAuthentication": TRIGGER_AUTHENTICATION}


@pytest.fixture(scope="module")
def scaled() -> dict[str, Manifest]:
    return of_kind("production", "ScaledObject")


@pytest.mark.parametrize("kind", SPECS)
def test_kedas_objects_follow_its_documentation(kind: str) -> None:
    found = of_kind("production", kind)
    assert found
    for one in found.values():
        assert one["apiVersion"] == "keda.sh/v1alpha1"
        jsonschema.validate(one["spec"], SPECS[kind], cls=jsonschema.Draft202012Validator)


def test_how_fast_it_scales_is_what_an_autoscaler_takes(scaled: dict[str, Manifest]) -> None:
    for name, one in scaled.items():
        autoscaler = {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": name},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                "maxReplicas": one["spec"]["maxReplicaCount"],
                "behavior": one["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"],
            },
        }
        validate(autoscaler, "1.33")


def test_workers_are_scaled_by_the_list_that_celery_puts_their_messages_into(scaled: dict[str, Manifest]) -> None:
    """Celery names a Redis list after its queue."""
    assert scaled.keys() == QUEUES.keys()
    for name, one in scaled.items():
        (trigger,) = one["spec"]["triggers"]
        assert one["spec"]["scaleTargetRef"]["name"] == name
        assert trigger["metadata"]["listName"] == QUEUES[name]


@pytest.mark.integration
def test_celery_puts_messages_into_that_list(redis: str) -> None:
    """On a real Redis: what KEDA would read grows with every ring."""
    from redis import Redis

    from workers.app import make_app
    from workers.tasks import ringer

    ring = ringer(make_app(Settings(broker_url=redis)))
    with Redis.from_url(redis) as client:
        before = client.llen(QUEUES["work"])
        for number in range(3):
            ring(f"tkt_{number}")
        assert client.llen(QUEUES["work"]) == before + 3
        client.delete(QUEUES["work"])


def test_the_work_that_no_list_shows_is_not_cut_off(scaled: dict[str, Manifest]) -> None:
    """What a worker has taken is in no list, so an empty one must not end workers: few go, late and in peace."""
    deployments = of_kind("production", "Deployment")
    for name, one in scaled.items():
        spec, down = one["spec"], one["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
        assert 2 <= spec["minReplicaCount"] < spec["maxReplicaCount"]
        assert spec["fallback"]["replicas"] >= spec["minReplicaCount"]
        grace = deployments[name]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert down["stabilizationWindowSeconds"] > grace
        assert down["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 120}]
        assert "replicas" not in deployments[name]["spec"], "applying the manifests again would undo KEDA's choice"


def test_a_worker_has_its_hands_full_before_another_starts(scaled: dict[str, Manifest]) -> None:
    (trigger,) = scaled["work"]["spec"]["triggers"]
    assert int(trigger["metadata"]["listLength"]) == Settings.model_fields["concurrency"].default


def test_the_password_comes_from_a_secret(scaled: dict[str, Manifest]) -> None:
    (authentication,) = of_kind("production", "TriggerAuthentication").values()
    for one in scaled.values():
        assert one["spec"]["triggers"][0]["authenticationRef"]["name"] == authentication["metadata"]["name"]
        assert one["spec"]["triggers"][0]["metadata"]["enableTLS"] == "true"
    assert [ref["parameter"] for ref in authentication["spec"]["secretTargetRef"]] == ["password"]
