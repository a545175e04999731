"""clusters/kubernetes.yaml: Kubernetes and KubeRay would accept it, and its parts name each other rightly."""

import copy
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from jsonschema import ValidationError
from jsonschema.protocols import Validator
from referencing import Registry, Resource

from tests.clusters.files import DOCKERFILE, KUBERNETES, pinned, pods, read_all

Documents = dict[str, dict[str, Any]]
HERE = Path(__file__).parent
QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|[kMGTPE]|[KMGTPE]i)?")
"""As Kubernetes reads one; its schema says only that it is text or a number."""


@pytest.fixture(scope="module")
def documents() -> Documents:
    return read_all(KUBERNETES)


@pytest.fixture(scope="module")
def accepts() -> Validator:
    schema = yaml.safe_load((HERE / "kuberay.yaml").read_text(encoding="utf-8"))
    pods_and_claims = json.loads((HERE / "kubernetes.json").read_text(encoding="utf-8"))
    for each in (schema, pods_and_claims):
        jsonschema.Draft202012Validator.check_schema(each)
    known = Registry().with_resource("kubernetes.json", Resource.from_contents(pods_and_claims))
    kind = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"x-kubernetes-list-map-keys": _no_key_twice})
    return kind(schema, registry=known)


def _no_key_twice(_: Validator, keys: list[str], items: Any, __: Any) -> Iterator[ValidationError]:
    """Kubernetes' own keyword: the items of a list are told apart by these of their fields."""
    if isinstance(items, list):
        seen = [tuple(item.get(key) for key in keys) for item in items if isinstance(item, dict)]
        yield from (ValidationError(f"{each} is there twice") for each in set(seen) if seen.count(each) > 1)


def test_it_has_what_a_search_and_a_person_need(documents: Documents) -> None:
    assert set(documents) == {"PersistentVolumeClaim", "RayJob", "RayCluster"}


def test_it_satisfies_the_schemas(documents: Documents, accepts: Validator) -> None:
    for document in documents.values():
        accepts.validate(document)


HEAD = ("RayJob", "spec", "rayClusterSpec", "headGroupSpec")
POD = (*HEAD, "template", "spec")
CONTAINER = (*POD, "containers", 0)


@pytest.mark.parametrize(
    ("place", "field", "value"),
    [
        # Kubernetes itself drops a field that it does not know, in silence.
        (("RayJob", "spec"), "ttlSecondsAfterFinish", 1),
        (HEAD[:3], "ttlSecondsAfterFinish", 1),
        (HEAD, "ttlSecondsAfterFinish", 1),
        (POD, "tolerance", []),
        (CONTAINER, "volumeMount", []),
        (("PersistentVolumeClaim", "spec"), "accessMode", "ReadWriteMany"),
        (("RayJob", "spec"), "activeDeadlineSeconds", "172800"),
        (("RayJob", "spec"), "submissionMode", "K8sJob"),
        (("RayJob", "metadata"), "name", "1-search"),
        (HEAD, "rayStartParams", {"num-cpus": 0}),
        (POD, "securityContext", {"fsGroup": "1000"}),
        (POD, "containers", None),
        (CONTAINER, "name", None),
        (CONTAINER, "resources", {"limits": ["4"]}),
    ],
)
def test_a_slip_is_refused(
    documents: Documents, accepts: Validator, place: tuple[Any, ...], field: str, value: Any
) -> None:
    broken: Any = copy.deepcopy(documents)
    found = broken
    for step in place:
        found = found[step]
    found[field] = value
    assert not accepts.is_valid(broken[place[0]])


def test_a_name_that_is_there_twice_is_refused(documents: Documents, accepts: Validator) -> None:
    broken = copy.deepcopy(documents["RayJob"])
    volumes = broken["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["volumes"]
    volumes.append({**volumes[0], "name": "another"})
    assert accepts.is_valid(broken)
    volumes[-1]["name"] = volumes[0]["name"]
    assert not accepts.is_valid(broken)


def test_what_only_a_server_would_refuse(documents: Documents) -> None:
    """These rules of Kubernetes are in its code and in no schema."""
    for pod in pods(documents):
        for volume in pod["volumes"]:
            assert len(volume) == 2, "a name and one source"
        for toleration in pod.get("tolerations", []):
            assert toleration["operator"] in {"Exists", "Equal"}
            assert toleration["effect"] in {"NoSchedule", "PreferNoSchedule", "NoExecute"}
        for container in pod["containers"]:
            sizes = container["resources"]
            assert all(QUANTITY.fullmatch(size) for part in sizes.values() for size in part.values()), sizes
    assert QUANTITY.fullmatch(documents["PersistentVolumeClaim"]["spec"]["resources"]["requests"]["storage"])
    ray = tuple(map(int, documents["RayCluster"]["spec"]["rayVersion"].split(".")))
    assert ray >= (2, 52, 0), "KubeRay refuses a token with an older Ray"


def test_a_job_ends_and_gives_its_machines_back(documents: Documents) -> None:
    job = documents["RayJob"]["spec"]
    assert job["shutdownAfterJobFinishes"] is True
    assert 0 < job["ttlSecondsAfterFinished"] <= 3600
    assert job["activeDeadlineSeconds"] > 3600
    assert job["backoffLimit"] == 0, "a second cluster would begin a second search"


def test_job_and_cluster_are_the_same_cluster_of_our_ray(documents: Documents) -> None:
    cluster = documents["RayCluster"]["spec"]
    assert documents["RayJob"]["spec"]["rayClusterSpec"] == cluster
    assert cluster["rayVersion"] == pinned("ray")
    assert cluster["authOptions"] == {"mode": "token"}
    assert all(group["minReplicas"] == 0 for group in cluster["workerGroupSpecs"])
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert cluster["headGroupSpec"]["serviceType"] == "ClusterIP", "the dashboard stays in the cluster's own network"


def test_every_pod_has_the_same_image_and_the_shared_volume(documents: Documents) -> None:
    claim = documents["PersistentVolumeClaim"]["metadata"]["name"]
    assert documents["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteMany"]
    images = set()
    for pod in pods(documents):
        (container,) = pod["containers"]
        images.add(container["image"])
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        assert set(mounts.values()) == set(volumes)
        assert volumes[mounts["/shared"]]["persistentVolumeClaim"]["claimName"] == claim
    assert len(images) == 1
    assert f"-t {images.pop()} ." in DOCKERFILE.read_text(encoding="utf-8")


def test_gpus_are_asked_for_where_trials_run(documents: Documents) -> None:
    for group in documents["RayCluster"]["spec"]["workerGroupSpecs"]:
        (container,) = group["template"]["spec"]["containers"]
        sizes = container["resources"]
        assert sizes["limits"] == sizes["requests"], "Kubernetes takes GPUs only so"
        assert int(sizes["limits"]["nvidia.com/gpu"]) >= 1


def test_keys_are_a_file_of_the_head_and_in_no_environment(documents: Documents) -> None:
    cluster = documents["RayCluster"]["spec"]
    head, *workers = (group["template"]["spec"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]))
    (container,) = head["containers"]
    variables = {each["name"]: each["value"] for each in container["env"]}
    folder = next(mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "keys")
    assert variables["ESPALIER_KEYS_FILE"] == f"{folder}/keys"
    assert all("valueFrom" not in each for each in container["env"])
    assert all("secret" not in volume for worker in workers for volume in worker["volumes"])


def test_the_entrypoint_is_a_command_of_ours(documents: Documents) -> None:
    words = shlex.split(documents["RayJob"]["spec"]["entrypoint"])
    recipe = DOCKERFILE.read_text(encoding="utf-8")
    assert words[:3] == ["python", "/opt/espalier/launch.py", "search"]
    assert "WORKDIR /opt/espalier" in recipe
    assert words[words.index("--runs") + 1].startswith("/shared/")
    assert "--constraint constraints.txt" in recipe
