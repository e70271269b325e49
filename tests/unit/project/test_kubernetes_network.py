"""Who reaches whom in a cluster: the policies are read as a cluster reads them, and every way is one that is meant."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from tests.unit.project.manifests import OVERLAYS, Manifest, matches, needs_kubectl, of_kind, pods

pytestmark = needs_kubectl

#: (from, to, port) between our own pods.
STORES = {
    *((reader, "postgres", 5432) for reader in ("gateway", "intake", "work")),
    *((ringer, "redis", 6379) for ringer in ("gateway", "intake", "work", "beat")),
}
PLAYBOOK = {("work", "playbook", 8621)}
SERVING = {("work", "serving", 8622)}
WAYS = {
    "confined": STORES | PLAYBOOK,
    "cpu": STORES | PLAYBOOK | SERVING,
    "gpu": STORES | PLAYBOOK | SERVING,
    "production": PLAYBOOK | SERVING,
}
#: Somebody on the internet, somebody in a private network, a cloud's metadata service, and the stores of the example.
PUBLIC, PRIVATE, METADATA, POSTGRES, REDIS = "198.51.100.7", "10.1.2.3", "169.254.169.254", "192.0.2.5", "192.0.2.20"
#: (from, address, port) that leave the cluster.
OUT = {
    "production": {
        *((reader, POSTGRES, 5432) for reader in ("gateway", "intake", "work")),
        *((ringer, REDIS, 6379) for ringer in ("gateway", "intake", "work", "beat")),
        *(("work", PUBLIC, port) for port in (43, 80, 443)),
    }
}
PORTS = (22, 43, 53, 80, 443, 5432, 6379, 8620, 8621, 8622)
#: Namespaces around ours, by what their labels say.
AROUND = {
    "door": {"casemate/door": "yes"},
    "prometheus": {"casemate/scrapes": "yes"},
    "other": {"kubernetes.io/metadata.name": "other"},
    "kube-system": {"kubernetes.io/metadata.name": "kube-system"},
}


def rules(overlay: str, labels: dict[str, str], direction: str) -> list[Manifest]:
    """The rules for one pod in one direction; Kubernetes lets everything through where no policy picks the pod."""
    chosen = [
        policy["spec"]
        for policy in of_kind(overlay, "NetworkPolicy").values()
        if matches(policy["spec"]["podSelector"], labels) and direction.title() in policy["spec"]["policyTypes"]
    ]
    assert chosen, "a pod that no policy picks may speak to everybody"
    return [rule for policy in chosen for rule in policy.get(direction, [])]


def has_port(rule: Manifest, port: int, protocol: str) -> bool:
    assert rule["ports"], "a rule without ports is a rule for every port"
    return any((entry["port"], entry["protocol"]) == (port, protocol) for entry in rule["ports"])


def lets(
    overlay: str, labels: dict[str, str], direction: str, peer: Manifest, port: int, *, protocol: str = "TCP"
) -> bool:
    """Whether a pod may speak to (egress) or be spoken to by (ingress) a peer.

    `peer` is {"pod": labels} in our namespace, {"namespace": labels, "pod": labels} elsewhere, or {"address": …}.
    """
    side = "to" if direction == "egress" else "from"
    for rule in rules(overlay, labels, direction):
        if not has_port(rule, port, protocol):
            continue
        assert rule[side], "a rule without peers is a rule for everybody"
        if any(_is(entry, peer) for entry in rule[side]):
            return True
    return False


def _is(entry: Manifest, peer: Manifest) -> bool:
    if "ipBlock" in entry:
        if "address" not in peer:
            return False
        address = ip_address(peer["address"])
        inside = address in ip_network(entry["ipBlock"]["cidr"])
        return inside and not any(address in ip_network(no) for no in entry["ipBlock"].get("except", []))
    if "address" in peer:
        return False
    if ("namespaceSelector" in entry) != ("namespace" in peer):
        return False
    if "namespace" in peer and not matches(entry["namespaceSelector"], peer["namespace"]):
        return False
    return matches(entry.get("podSelector", {}), peer.get("pod", {}))


def labels_of(overlay: str) -> dict[str, dict[str, str]]:
    return {name: pod["metadata"]["labels"] for name, pod in pods(overlay).items()}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_reach_exactly_whom_they_need(overlay: str) -> None:
    labels = labels_of(overlay)
    open_ways = {
        (source, target, port)
        for source in labels
        for target in labels
        for port in PORTS
        if lets(overlay, labels[source], "egress", {"pod": labels[target]}, port)
        and lets(overlay, labels[target], "ingress", {"pod": labels[source]}, port)
    }
    assert open_ways == WAYS[overlay]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_way_is_opened_at_one_end_only(overlay: str) -> None:
    labels = labels_of(overlay)
    for source in labels:
        for target in labels:
            for port in PORTS:
                out = lets(overlay, labels[source], "egress", {"pod": labels[target]}, port)
                into = lets(overlay, labels[target], "ingress", {"pod": labels[source]}, port)
                assert out == into, (source, target, port)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_who_leaves_the_cluster_and_where_to(overlay: str) -> None:
    left = {
        (name, address, port)
        for name, labels in labels_of(overlay).items()
        for address in (PUBLIC, PRIVATE, METADATA, POSTGRES, REDIS)
        for port in PORTS
        if lets(overlay, labels, "egress", {"address": address}, port)
    }
    # The example's stores have public addresses, which a worker that may go outside reaches by its ports too.
    assert {way for way in left if way[1] != PUBLIC and way[2] in {43, 80, 443}} <= {
        ("work", address, port) for address in (POSTGRES, REDIS) for port in (43, 80, 443)
    }
    meant = {way for way in left if way[1] == PUBLIC or way[2] not in {43, 80, 443}}
    assert meant == OUT.get(overlay, set())


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_who_comes_in_from_other_namespaces(overlay: str) -> None:
    entered = {
        (who, name, port)
        for who, namespace in AROUND.items()
        for name, labels in labels_of(overlay).items()
        for port in PORTS
        if lets(overlay, labels, "ingress", {"namespace": namespace}, port)
    }
    watched = {("prometheus", "gateway", 8620), ("prometheus", "serving", 8622)} if overlay == "production" else set()
    assert entered == {("door", "gateway", 8620)} | watched


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_names_are_looked_up_by_those_who_have_somebody_to_reach(overlay: str) -> None:
    dns = {"namespace": AROUND["kube-system"], "pod": {"k8s-app": "kube-dns"}}
    askers = {
        name
        for name, labels in labels_of(overlay).items()
        if lets(overlay, labels, "egress", dns, 53, protocol="UDP") and lets(overlay, labels, "egress", dns, 53)
    }
    assert askers == {"gateway", "intake", "work", "beat"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_policy_picks_somebody(overlay: str) -> None:
    everybody = labels_of(overlay).values()
    for name, policy in of_kind(overlay, "NetworkPolicy").items():
        assert any(matches(policy["spec"]["podSelector"], labels) for labels in everybody), name


def test_the_reader_of_policies_would_notice_a_way_too_many() -> None:
    """It says no to everything it was not told of, and yes to what it was."""
    labels = labels_of("cpu")
    assert lets("cpu", labels["work"], "egress", {"pod": labels["playbook"]}, 8621)
    assert not lets("cpu", labels["work"], "egress", {"pod": labels["playbook"]}, 22)
    assert not lets("cpu", labels["work"], "egress", {"address": PUBLIC}, 443)
    assert lets("production", labels["work"], "egress", {"address": PUBLIC}, 443)
    assert not lets("production", labels["work"], "egress", {"address": METADATA}, 80)
