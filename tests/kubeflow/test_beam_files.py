"""The Flink with pools of workers, as far as it can be checked without a cluster."""

import importlib.util
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

KUBEFLOW = Path(__file__).parents[2] / "kubeflow"
VERSIONS = ("1.28", "1.32", "1.37")
# FlinkDeploymentSpec, JobManagerSpec and TaskManagerSpec of the operator's v1beta1.
SPEC = {"image", "flinkVersion", "mode", "serviceAccount", "flinkConfiguration", "podTemplate", "jobManager"}
SPEC |= {"taskManager", "imagePullPolicy", "job", "logConfiguration", "ingress", "restartNonce"}
ROLE = {"replicas", "resource", "podTemplate"}


def read(name):
    return yaml.safe_load((KUBEFLOW / "beam" / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def flink():
    return read("flink.yaml")


@pytest.fixture(scope="module")
def policy():
    return read("network-policy.yaml")


@pytest.fixture(scope="module")
def workers(flink):
    containers = flink["spec"]["taskManager"]["podTemplate"]["spec"]["containers"]
    return next(one for one in containers if one["name"] == "workers")


def test_keys_are_those_of_the_operator(flink):
    assert (flink["apiVersion"], flink["kind"]) == ("flink.apache.org/v1beta1", "FlinkDeployment")
    assert flink.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert flink["spec"].keys() <= SPEC
    for role in ("jobManager", "taskManager"):
        assert flink["spec"][role].keys() <= ROLE
        assert flink["spec"][role]["resource"].keys() <= {"cpu", "memory", "ephemeralStorage"}
    assert all(isinstance(value, str) for value in flink["spec"]["flinkConfiguration"].values())


@pytest.mark.parametrize("version", VERSIONS)
def test_the_rest_is_what_kubernetes_takes(flink, policy, version):
    template = flink["spec"]["taskManager"]["podTemplate"]["spec"]
    main = {"name": "flink-main-container", "image": flink["spec"]["image"]}  # the operator fills it in
    containers = [{**main, **one} if one["name"] == main["name"] else one for one in template["containers"]]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": flink["metadata"],
        "spec": {**template, "containers": containers},
    }
    for document in (pod, policy):
        kubernetes_validate.validate(document, version, strict=True)


def test_the_pool_is_beams_own_command(workers):
    program, flag, module, option = workers["command"]
    assert (program, flag) == ("python", "-m")
    assert importlib.util.find_spec(module)
    assert option == f"--service_port={workers['readinessProbe']['tcpSocket']['port']}"


def test_flink_is_the_one_of_its_image(flink):
    version = flink["spec"]["image"].partition(":")[2]
    assert flink["spec"]["flinkVersion"] == f"v{version.replace('.', '_')}"


def test_volumes_are_those_of_the_toolbox_at_the_same_paths(flink, workers):
    toolbox = yaml.safe_load((KUBEFLOW / "manifests" / "toolbox.yaml").read_text(encoding="utf-8"))["spec"]
    template = flink["spec"]["taskManager"]["podTemplate"]["spec"]
    assert template["volumes"] == toolbox["volumes"]
    assert workers["volumeMounts"] == toolbox["containers"][0]["volumeMounts"]
    assert workers["image"] == toolbox["containers"][0]["image"]
    assert template["securityContext"]["fsGroup"] == toolbox["securityContext"]["fsGroup"]


def test_nobody_but_their_own_pod_reaches_the_workers(flink, policy, workers):
    pool = workers["readinessProbe"]["tcpSocket"]["port"]
    assert policy["spec"]["podSelector"]["matchLabels"] == {"app": flink["metadata"]["name"]}
    assert policy["metadata"]["namespace"] == flink["metadata"]["namespace"]
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    for rule in policy["spec"]["ingress"]:
        assert rule["from"]
        for port in rule["ports"]:
            assert not port["port"] <= pool <= port.get("endPort", port["port"])
    fixed = {int(value) for key, value in flink["spec"]["flinkConfiguration"].items() if key.endswith(".port")}
    among_flink = policy["spec"]["ingress"][0]["ports"][0]
    assert all(among_flink["port"] <= port <= among_flink["endPort"] for port in fixed)


def test_the_workers_keep_the_restricted_profile(workers):
    context = workers["securityContext"]
    assert context["runAsNonRoot"]
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
