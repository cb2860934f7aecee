"""What is deployed to Kubernetes: manifests by Kubernetes' own schemas, and the chart that renders to them."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Final, TypeAlias

import jsonschema_rs
import kubernetes_validate
import pytest
import yaml

from gateway.config.load import examine

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "deploy" / "helm" / "driftgate"
MANIFESTS: Final = ROOT / "deploy" / "kubernetes" / "driftgate.yaml"
VERSIONS: Final = ("1.30", "1.33", "1.35")
"""Kubernetes versions whose schemas the manifests must pass: the oldest that the chart takes, and newer ones."""

Json: TypeAlias = dict[str, Any]
"""A YAML or JSON object."""


def manifests() -> list[Json]:
    """The plain manifests."""
    return [each for each in yaml.safe_load_all(MANIFESTS.read_text(encoding="utf-8")) if each]


def of_kind(kind: str, name: str = "driftgate") -> Json:
    """One manifest."""
    return next(each for each in manifests() if each["kind"] == kind and each["metadata"]["name"] == name)


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_knows_every_field(version: str) -> None:
    """Strictly: a field that the API does not have is an error."""
    for each in manifests():
        kubernetes_validate.validate(each, version, strict=True)


def test_the_configuration_in_it_is_one_that_can_be_served() -> None:
    """`driftgate check` finds nothing wrong with it, and it listens where the ports say."""
    text = of_kind("ConfigMap")["data"]["driftgate.yaml"]
    found = examine(text, "driftgate.yaml", {})
    assert found.problems == ()
    assert found.config is not None
    assert (found.config.listen.data.port, found.config.listen.admin.port) == (8080, 8081)
    assert found.config.keys


def test_nothing_in_it_may_more_than_it_must() -> None:
    """Not root, no capabilities, a root file system that cannot be written, no token of the cluster."""
    pod = of_kind("StatefulSet")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert (pod["securityContext"]["runAsNonRoot"], pod["automountServiceAccountToken"]) == (True, False)
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_what_it_writes_it_may_write() -> None:
    """The state directory outlives the pod; sockets and temporary files are in memory, or end with it."""
    spec = of_kind("StatefulSet")["spec"]
    mounted = {each["mountPath"]: each["name"] for each in spec["template"]["spec"]["containers"][0]["volumeMounts"]}
    environment = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for variable in ("DRIFTGATE_STATE_DIR", "XDG_RUNTIME_DIR"):
        (path,) = re.findall(rf"{variable}=(\S+)", environment)
        assert path in mounted
    claimed = {each["metadata"]["name"] for each in spec["volumeClaimTemplates"]}
    assert mounted["/var/lib/driftgate"] in claimed


def test_it_is_waited_for_longer_than_it_drains() -> None:
    """The grace covers what preStop sleeps, the drain, and the stop of the other processes after it."""
    pod = of_kind("StatefulSet")["spec"]["template"]["spec"]
    config = examine(of_kind("ConfigMap")["data"]["driftgate.yaml"], "driftgate.yaml", {}).config
    assert config is not None
    slept = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    others = 4 * 5.0  # data, shadow, control and Valkey may each take five seconds more
    assert pod["terminationGracePeriodSeconds"] >= slept + config.limits.drain_seconds + others


def test_every_selector_finds_the_pods_and_every_port_exists() -> None:
    """A label or a port that is named differently somewhere would send traffic nowhere, without an error."""
    template = of_kind("StatefulSet")["spec"]["template"]
    labels = template["metadata"]["labels"].items()
    ports = {each["name"] for each in template["spec"]["containers"][0]["ports"]}
    selectors = [
        of_kind("StatefulSet")["spec"]["selector"]["matchLabels"],
        of_kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        of_kind("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        of_kind("Service")["spec"]["selector"],
        of_kind("Service", "driftgate-admin")["spec"]["selector"],
    ]
    assert all(selector.items() <= labels for selector in selectors)
    services = [each for each in manifests() if each["kind"] == "Service"]
    assert {port["targetPort"] for each in services for port in each["spec"]["ports"]} == ports
    probes = [template["spec"]["containers"][0][f"{name}Probe"]["httpGet"] for name in ("startup", "liveness")]
    assert {probe["port"] for probe in probes} <= ports


def test_the_admin_plane_is_open_to_those_who_are_named() -> None:
    """Applications reach the data plane only; what they send elsewhere does not reach the metadata service."""
    policy = of_kind("NetworkPolicy")["spec"]
    by_port = {rule["ports"][0]["port"]: rule.get("from") for rule in policy["ingress"]}
    assert by_port["data"] is None
    assert by_port["admin"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    blocks = [to["ipBlock"] for rule in policy["egress"] for to in rule.get("to", []) if "ipBlock" in to]
    assert all("169.254.169.254/32" in block["except"] for block in blocks)


def test_the_charts_values_are_what_their_schema_says() -> None:
    """The defaults pass; a misspelt value, an open admin plane and a grace shorter than the stop are refused."""
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    validator = jsonschema_rs.validator_for(schema)
    assert list(validator.iter_errors(values)) == []
    wrong: list[Json] = [
        {**values, "replicass": 2},
        {**values, "graceBeyondDrainSeconds": 5},
        {**values, "config": {**values["config"], "keys": []}},
        {**values, "prometheusRule": {"enable": True}},
        {**values, "config": {**values["config"], "listen": {"admin": "0.0.0.0:9"}}},
    ]
    assert not any(validator.is_valid(each) for each in wrong)


def test_every_value_that_a_template_names_exists() -> None:
    """And every value is used: none is parsed and ignored."""
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((CHART / "templates").iterdir()))
    named = set(re.findall(r"\.Values\.([A-Za-z.]+)", text))
    for path in named:
        place: Any = values  # Any: YAML
        for part in path.split(".") if not path.startswith("config.") else ["config"]:
            assert part in place, path
            place = place[part]
    assert {path.split(".")[0] for path in named} == set(values)


def test_every_file_that_a_template_reads_is_in_the_chart() -> None:
    """Helm reads a file that is not there as an empty one."""
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((CHART / "templates").iterdir()))
    read = re.findall(r'\.Files\.Get "([^"]+)"', text)
    assert read == ["rules.yaml"]
    assert all((CHART / name).read_text(encoding="utf-8").strip() for name in read)


def rendered(helm: str, *options: str) -> subprocess.CompletedProcess[str]:
    """What the chart renders to."""
    command = [helm, "template", "driftgate", str(CHART), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_helm_finds_nothing_wrong_with_the_chart(helm: str) -> None:
    """Warnings count."""
    said = subprocess.run([helm, "lint", "--strict", str(CHART)], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


def test_the_chart_renders_to_the_manifests(helm: str) -> None:
    """With its default values, to the letter."""
    assert rendered(helm).stdout == MANIFESTS.read_text(encoding="utf-8")


def test_the_chart_brings_the_alert_rules_where_they_are_wanted(helm: str) -> None:
    """Those of deploy/prometheus, whole, with the labels that the operator's Prometheus selects by; unasked, none."""
    options = ("--set", "prometheusRule.enabled=true,prometheusRule.labels.release=prometheus")
    given = [each for each in yaml.safe_load_all(rendered(helm, *options).stdout) if each["kind"] == "PrometheusRule"]
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yaml").read_text(encoding="utf-8"))
    assert [each["spec"] for each in given] == [rules]
    assert given[0]["metadata"]["labels"]["release"] == "prometheus"
    assert "PrometheusRule" not in rendered(helm).stdout


def test_several_replicas_want_a_redis_that_they_share(helm: str) -> None:
    """An embedded server is one pod's own."""
    refused = rendered(helm, "--set", "replicas=2")
    assert refused.returncode != 0
    assert "config.redis.url" in refused.stderr
    assert rendered(helm, "--set", "replicas=2,config.redis.url=redis://valkey:6379").returncode == 0
