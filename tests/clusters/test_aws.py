"""cluster.yaml against AWS's own description of its interface, and what of Ray's code needs no network."""

from typing import Any

import boto3
import botocore.stub
import pytest
from botocore.validate import ParamValidator
from ray.autoscaler._private.aws import config as aws_config
from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
from ray.autoscaler._private.util import prepare_config

from tests.clusters.files import AWS, read


@pytest.fixture
def ready() -> dict[str, Any]:
    config = prepare_config(read(AWS))
    assert isinstance(config, dict)
    return config


def test_every_field_of_a_machine_is_one_that_aws_knows() -> None:
    """The model of RunInstances; Ray adds the number of machines, subnet, key and tags."""
    model = boto3.Session().client("ec2", region_name="us-west-2").meta.service_model
    shape = model.operation_model("RunInstances").input_shape
    for name, kind in read(AWS)["available_node_types"].items():
        found = ParamValidator().validate({**kind["node_config"], "MinCount": 1, "MaxCount": 1}, shape)
        assert not found.has_errors(), f"{name}: {found.generate_report()}"
        unknown = set(kind["node_config"]) - set(shape.members)
        assert not unknown, f"{name}: {unknown}"


def test_workers_are_spot_and_scale_from_nothing_and_the_head_is_neither(ready: dict[str, Any]) -> None:
    kinds = dict(ready["available_node_types"])
    head = kinds.pop(ready["head_node_type"])
    assert "InstanceMarketOptions" not in head["node_config"]
    assert head["resources"]["CPU"] == 0
    assert kinds
    for kind in kinds.values():
        assert kind["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
        assert (kind["min_workers"], kind["max_workers"] >= 1) == (0, True)
        assert kind["resources"]["GPU"] >= 1
    assert ready["idle_timeout_minutes"] <= 15
    assert ready["provider"]["cache_stopped_nodes"] is False


def test_ray_keeps_the_image(ready: dict[str, Any]) -> None:
    """Ray's own default has Ubuntu 18.04, whose Python is too old."""
    aws_config._check_ami(ready)
    images = {kind["node_config"]["ImageId"] for kind in ready["available_node_types"].values()}
    assert len(images) == 1
    assert images.pop().startswith("resolve:ssm:/aws/service/deeplearning/ami/")


def test_the_machines_have_what_the_file_says(ready: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray asks AWS for the processors and GPUs of each type; the answer here is AWS's published table."""
    table = {"m7i.2xlarge": (8, 0), "g5.2xlarge": (8, 1), "g5.48xlarge": (192, 8)}
    answer = {"InstanceTypes": [_described(name, cpus, gpus) for name, (cpus, gpus) in table.items()]}
    client = boto3.client("ec2", region_name="us-west-2", aws_access_key_id="x", aws_secret_access_key="x")
    with botocore.stub.Stubber(client) as stub:
        stub.add_response("describe_instance_types", answer)
        monkeypatch.setattr("ray.autoscaler._private.aws.node_provider.client_cache", lambda *_, **__: client)
        filled = AWSNodeProvider.fillout_available_node_types_resources(ready)
    said, head = read(AWS)["available_node_types"], ready["head_node_type"]
    for name, kind in filled["available_node_types"].items():
        cpus, gpus = table[kind["node_config"]["InstanceType"]]
        assert kind["resources"]["CPU"] == (0 if name == head else cpus)
        assert kind["resources"]["GPU"] == gpus == said[name]["resources"]["GPU"]


def _described(name: str, cpus: int, gpus: int) -> dict[str, Any]:
    gpu = {"GpuInfo": {"Gpus": [{"Name": "A10G", "Manufacturer": "NVIDIA", "Count": gpus}]}} if gpus else {}
    return {"InstanceType": name, "VCpuInfo": {"DefaultVCpus": cpus}, "MemoryInfo": {"SizeInMiB": 32768}, **gpu}
