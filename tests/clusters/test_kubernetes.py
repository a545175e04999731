"""clusters/kubernetes.yaml: KubeRay would accept it, and its parts name each other rightly."""

import copy
import shlex
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.clusters.files import DOCKERFILE, KUBERNETES, pinned, pods, read_all

Documents = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def documents() -> Documents:
    return read_all(KUBERNETES)


@pytest.fixture(scope="module")
def accepts() -> jsonschema.protocols.Validator:
    schema = yaml.safe_load((Path(__file__).parent / "kuberay.yaml").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_it_has_what_a_search_and_a_person_need(documents: Documents) -> None:
    assert set(documents) == {"PersistentVolumeClaim", "RayJob", "RayCluster"}


def test_it_satisfies_the_schemas(documents: Documents, accepts: jsonschema.protocols.Validator) -> None:
    for document in documents.values():
        accepts.validate(document)


def test_a_misspelt_field_is_refused(documents: Documents, accepts: jsonschema.protocols.Validator) -> None:
    """Kubernetes itself drops it in silence."""
    for path in (["spec"], ["spec", "rayClusterSpec"], ["spec", "rayClusterSpec", "headGroupSpec", "template", "spec"]):
        broken: Any = copy.deepcopy(documents["RayJob"])
        place = broken
        for step in path:
            place = place[step]
        place["ttlSecondsAfterFinish"] = 1
        assert not accepts.is_valid(broken)


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
