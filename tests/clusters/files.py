"""The files that describe a cluster, and what they say in common."""

import json
import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
AWS, ONPREM = ROOT / "cluster.yaml", ROOT / "clusters" / "onprem.yaml"
KUBERNETES, SKY = ROOT / "clusters" / "kubernetes.yaml", ROOT / "clusters" / "sky.yaml"
DOCKERFILE = ROOT / "clusters" / "Dockerfile"


def read(path: Path) -> dict[str, Any]:
    """The one document of a YAML file."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def read_all(path: Path) -> dict[str, dict[str, Any]]:
    """The documents of a file for Kubernetes, by kind."""
    return {document["kind"]: document for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))}


def rays_schema() -> dict[str, Any]:
    """Ray's own schema for `ray up`, from its wheel."""
    found = find_spec("ray")
    assert found is not None
    assert found.origin is not None
    schema = json.loads((Path(found.origin).parent / "autoscaler" / "ray-schema.json").read_text(encoding="utf-8"))
    assert isinstance(schema, dict)
    return schema


def pinned(package: str) -> str:
    """The version of a package in constraints.txt."""
    found = re.search(rf"^{package}==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


def pods(documents: Mapping[str, Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The specification of every pod that KubeRay would start."""
    job, cluster = documents["RayJob"]["spec"]["rayClusterSpec"], documents["RayCluster"]["spec"]
    for each in (job, cluster):
        for group in (each["headGroupSpec"], *each["workerGroupSpecs"]):
            yield group["template"]["spec"]
