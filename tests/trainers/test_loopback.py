"""Workers of one machine meet on loopback alone; `test_finetune.py` looks at the sockets of a whole fine-tune."""

from pathlib import Path
from typing import Any

import pytest
import ray
import ray.train.torch

from trainers import finetune
from trainers.cluster.group import Group
from trainers.cluster.trainer import OwnGroup
from trainers.job import FinetuneJob
from trainers.loopback import LOOPBACK, _listener, _loopback_interface, join_on_loopback
from trainers.recipe import Recipe
from trainers.workers import Workers


def node(address: str, *, alive: bool = True) -> dict[str, Any]:
    return {"NodeManagerAddress": address, "Alive": alive}


@pytest.mark.parametrize(
    ("nodes", "own"),
    [
        ([node(LOOPBACK)], True),
        ([node(LOOPBACK), node("10.0.0.2", alive=False)], True),
        ([node("10.0.0.1")], False),
        ([node(LOOPBACK), node("10.0.0.2")], False),
    ],
)
def test_workers_of_a_private_session_make_their_own_group(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nodes: list[dict[str, Any]], own: bool
) -> None:
    """Elsewhere the group is Ray's, whose store all nodes have to reach."""
    made: dict[str, Any] = {}
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    monkeypatch.setattr(finetune, "_own_session", lambda: False)
    monkeypatch.setattr(finetune, "ClusterTrainer", lambda _, **options: made.update(options))
    recipe = Recipe(epochs=1, batch_size=64, warmup_epochs=0.5)
    job = FinetuneJob(checkpoint_dir=tmp_path, dataset="digits", recipe=recipe, seed=0, out_dir=tmp_path)
    group = Group(Workers(2, 2), gpu=False, cpus=1)
    finetune._trainer(job, group, max_failures=1, storage_dir=tmp_path, resize_every_s=60)
    assert made["train_loop_config"]["loopback"] == ("gloo" if own else None)
    assert isinstance(made["torch_config"], OwnGroup) == own
    if own:
        backend = made["torch_config"].backend_cls()
        backend.on_start(None, made["torch_config"])  # Ray's own would start a store on all interfaces


def test_the_store_is_bound_to_loopback() -> None:
    with _listener() as listener:
        assert listener.getsockname()[0] == LOOPBACK
    assert _loopback_interface() in ("lo", "lo0")


def test_a_lone_worker_opens_nothing() -> None:
    join_on_loopback("gloo", 0, 1, lambda _: pytest.fail("there is nobody to share a port with"))
