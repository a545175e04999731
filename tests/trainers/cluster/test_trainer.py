"""Which processes beside its workers a fine-tune has on a cluster, and in a private session."""

import ast
import inspect
import pickle
from typing import Any

import pytest
import ray.train
from ray.train.v2._internal.execution.scaling_policy import ElasticScalingPolicy, FixedScalingPolicy
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

from trainers.cluster import trainer
from trainers.cluster.trainer import ClusterTrainer, PrivateTrainer

FIXED = ray.train.ScalingConfig(num_workers=2)
RANGE = ray.train.ScalingConfig(num_workers=(1, 2))


def made(kind: type[ClusterTrainer], scaling: ray.train.ScalingConfig) -> ClusterTrainer:
    return kind(lambda: None, scaling_config=scaling)


def callbacks(one: DataParallelTrainer) -> set[str]:
    return {type(callback).__name__ for callback in one._create_default_callbacks()}


def test_callbacks_that_start_a_process_nobody_needs_are_left_out() -> None:
    of_ray = callbacks(ray.train.torch.TorchTrainer(lambda: None, scaling_config=FIXED))
    assert of_ray - callbacks(made(ClusterTrainer, FIXED)) == {"DatasetsCallback"}
    assert of_ray - callbacks(made(PrivateTrainer, FIXED)) == {"DatasetsCallback", "PlacementGroupCleanerCallback"}


@pytest.mark.parametrize(
    ("kind", "scaling", "asks"),
    [(ClusterTrainer, FIXED, True), (PrivateTrainer, FIXED, False), (PrivateTrainer, RANGE, True)],
    ids=["cluster", "private", "range"],
)
def test_a_private_session_asks_for_no_node(
    monkeypatch: pytest.MonkeyPatch, kind: type[ClusterTrainer], scaling: ray.train.ScalingConfig, asks: bool
) -> None:
    """A range does: its policy is told by that process what there is room for."""
    given: dict[str, Any] = {}
    monkeypatch.setattr(DataParallelTrainer, "_initialize_and_run_controller", lambda _, **named: given.update(named))
    policy = (FixedScalingPolicy if scaling is FIXED else ElasticScalingPolicy)(scaling)
    made(kind, scaling)._initialize_and_run_controller(scaling_policy=policy, callbacks=[])
    assert given == {"scaling_policy": policy, "callbacks": []}
    requests = [getattr(policy, name) for name in trainer._REQUESTS]
    assert all((request is trainer._ask_nobody) is not asks for request in requests)
    if not asks:
        policy = pickle.loads(pickle.dumps(policy))  # noqa: S301  as on its way to the controller
        wanted = policy.make_decision_for_non_running_worker_group()
        assert (wanted.num_workers, wanted.resources_per_worker) == (2, {"CPU": 1})


def test_the_controller_imports_nothing_of_ours_for_it() -> None:
    """Models, data and loops take it seconds, and it uses none of them."""
    tree = ast.parse(inspect.getsource(trainer))
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert {module.partition(".")[0] for module in modules} == {"ray", "typing"}
