"""The manifests against Kubernetes' schemas, unknown fields refused."""

import re
import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

KUBEFLOW = Path(__file__).parents[2] / "kubeflow"
FOLDER = KUBEFLOW / "manifests"
VERSIONS = ("1.28", "1.32", "1.37")
KUSTOMIZATION = "kustomization.yaml"


def read(name: str) -> list[dict]:
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


FILES = sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != KUSTOMIZATION)
DOCUMENTS = {name: read(name) for name in FILES}
BY_KIND = {document["kind"]: document for documents in DOCUMENTS.values() for document in documents}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", FILES)
def test_manifests_are_what_kubernetes_takes(name, version):
    for document in DOCUMENTS[name]:
        kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("toolbox.yaml", {"spec": {"container": []}}),
        ("volumes.yaml", {"spec": {"accessModes": "ReadWriteMany"}}),
        ("service-account.yaml", {"automountToken": True}),
    ],
)
def test_an_error_is_found(name, change):
    document = DOCUMENTS[name][0]
    invalid = {
        **document,
        **{key: {**document.get(key, {}), **value} if key == "spec" else value for key, value in change.items()},
    }
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(invalid, VERSIONS[-1], strict=True)


def test_the_kustomization_names_existing_files():
    (kustomization,) = read(KUSTOMIZATION)
    assert set(kustomization) == {"apiVersion", "kind", "namespace", "resources", "labels"}
    named = set(kustomization["resources"])
    optional = set(re.findall(r"# - (\S+\.yaml)", (FOLDER / KUSTOMIZATION).read_text(encoding="utf-8")))
    assert named | optional <= set(FILES)
    # Applied by hand: a pod that ends, and keys that nobody commits.
    assert set(FILES) - named - optional == {"toolbox.yaml", "object-store-secret.example.yaml"}


@pytest.mark.skipif(not shutil.which("kubectl"), reason="no kubectl to render with")
def test_kustomize_renders_it():
    done = subprocess.run(["kubectl", "kustomize", FOLDER], capture_output=True, text=True, check=True)
    documents = list(yaml.safe_load_all(done.stdout))
    assert {document["kind"] for document in documents} == {
        *("LimitRange", "PersistentVolumeClaim", "ResourceQuota", "Role", "RoleBinding", "ServiceAccount")
    }
    for document in documents:
        assert document["metadata"]["namespace"] == "kubeflow"
        kubernetes_validate.validate(document, VERSIONS[-1], strict=True)


def test_the_account_may_do_no_more_than_runs_need():
    documents = DOCUMENTS["service-account.yaml"]
    roles = {document["metadata"]["name"]: document for document in documents if document["kind"] == "Role"}
    bound = {document["roleRef"]["name"]: document for document in documents if document["kind"] == "RoleBinding"}
    assert roles.keys() == bound.keys()
    for binding in bound.values():
        account = {"kind": "ServiceAccount", "name": BY_KIND["ServiceAccount"]["metadata"]["name"]}
        assert account in binding["subjects"]
    for rule in (rule for role in roles.values() for rule in role["rules"]):
        assert "*" not in {*rule["verbs"], *rule["resources"], *rule["apiGroups"]}
        assert not {"delete", "update"} & set(rule["verbs"])
        if "secrets" in rule["resources"]:
            assert rule["verbs"] == ["get"]
            assert rule["resourceNames"]


def test_claims_and_secrets_go_by_one_name():
    claims = {document["metadata"]["name"] for document in DOCUMENTS["volumes.yaml"]}
    mounted = {volume["persistentVolumeClaim"]["claimName"] for volume in BY_KIND["Pod"]["spec"]["volumes"]}
    assert claims == mounted
    roles = [document for document in DOCUMENTS["service-account.yaml"] if document["kind"] == "Role"]
    readable = {name for role in roles for rule in role["rules"] for name in rule.get("resourceNames", [])}
    assert BY_KIND["Secret"]["metadata"]["name"] in readable
    service = yaml.safe_load((KUBEFLOW / "serving" / "inferenceservice.yaml").read_text(encoding="utf-8"))
    served = re.fullmatch(r"pvc://([^/]+)/.+", service["spec"]["predictor"]["model"]["storageUri"])[1]
    assert served in claims


def test_the_example_holds_no_key():
    assert set(BY_KIND["Secret"]["stringData"].values()) == {"REPLACE"}


def test_the_pod_keeps_the_restricted_profile():
    spec = BY_KIND["Pod"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("version", VERSIONS)
def test_what_kserve_takes_over_from_kubernetes_is_what_kubernetes_takes(version):
    service = yaml.safe_load((KUBEFLOW / "serving" / "inferenceservice.yaml").read_text(encoding="utf-8"))
    predictor, transformer = service["spec"]["predictor"], service["spec"]["transformer"]
    ours = {"modelFormat", "runtime", "protocolVersion", "storageUri"}  # KServe's; the rest of a model is a Container
    model = {key: value for key, value in predictor["model"].items() if key not in ours}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": service["metadata"],
        "spec": {
            "containers": [{"name": "model", **model}, *transformer["containers"]],
            "volumes": predictor["volumes"],
        },
    }
    kubernetes_validate.validate(pod, version, strict=True)


def test_argos_configuration_retries_pods_and_no_graph():
    """A graph whose pod has failed for good has no message; a pod always has one."""
    patch = yaml.safe_load((KUBEFLOW / "argo-retries.yaml").read_text())
    defaults = yaml.safe_load(patch["data"]["workflowDefaults"])["spec"]["templateDefaults"]["retryStrategy"]
    assert defaults == {"limit": "2", "retryPolicy": "Always", "expression": 'lastRetry.message != ""'}
