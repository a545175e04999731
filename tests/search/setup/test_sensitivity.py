"""The profiling agent: what is lost when each set alone is cut, how it is cached, and who reads it."""

import dataclasses
from pathlib import Path

import pytest
import torch

from pruning.models import ModelSpec, create_model
from pruning.plan import GroupKind
from pruning.planning import build_plan
from pruning.selection import select
from pruning.slicing import slice_model
from search.proposers.asking.prompt import build_request
from search.proposers.grid import GridProposer
from search.proposers.registry import ASKING, CLASSICAL
from search.proposers.rules import RulesProposer
from search.setup.sensitivity import IMAGES, KEPT, SensitivityInputs, measure_sensitivity
from search.space.history import History
from search.space.profile import profile_plan
from tests.search import support
from tracking.payloads import Profiled
from trainers.proxy import ProxyData, proxy_rungs
from trainers.recipe import ProxyRecipe


def inputs(images: int = 40) -> SensitivityInputs:
    generator = torch.Generator().manual_seed(0)

    def drawn(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.randn(count, 1, 32, 32, generator=generator), torch.arange(count) % 10

    data = ProxyData(*drawn(images), *drawn(images), shift=0, flip=False)
    recipe = ProxyRecipe(batch_size=16, recalibration_batches=2)
    return SensitivityInputs(support.base(), support.plan(), support.scores()["l2"], "l2", data, recipe, seed=0)


def found(*, hurts: int) -> Profiled:
    """A profile in which one set hurts and the others do not."""
    sets = len(support.plan().sets)
    rows = tuple((0.7, 0.3) if index == hurts else (0.9, 0.9) for index in range(sets))
    return Profiled(criterion="l2", kept=KEPT, images=40, accuracy=0.9, accuracies=rows, cached=False, wall_s=1.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sensitivity")


@pytest.fixture(scope="module")
def profiled(folder: Path) -> Profiled:
    return measure_sensitivity(inputs(), folder)


def test_a_set_alone_is_cut_recalibrated_and_scored(profiled: Profiled) -> None:
    """Worked by hand for the last set at its lower share."""
    asked, plan = inputs(), support.plan()
    allocation = list(plan.full())
    for group in plan.sets[-1].groups:
        allocation[group] = plan.groups[group].units // 4
    model = slice_model(asked.base, plan, select(asked.scores, tuple(allocation)))
    untrained = asked.recipe.model_copy(update={"rungs": (0,)})
    assert profiled.accuracies[-1][1] == next(proxy_rungs(model, asked.data, untrained, seed=0)).accuracy
    assert len(profiled.accuracies) == len(plan.sets)
    assert profiled.images == 40


def test_the_same_is_measured_once(profiled: Profiled, folder: Path) -> None:
    again = measure_sensitivity(inputs(), folder)
    assert again.cached
    assert (again.accuracy, again.accuracies) == (profiled.accuracy, profiled.accuracies)


def test_other_images_are_another_measurement(profiled: Profiled, folder: Path) -> None:
    assert not profiled.cached
    assert not measure_sensitivity(inputs(41), folder).cached


def test_the_images_are_bounded_and_of_all_classes() -> None:
    from search.setup.sensitivity import _spread

    chosen = _spread(50_000)
    assert len(chosen) == len(set(chosen.tolist())) == IMAGES
    assert chosen[[0, -1]].tolist() == [0, 49_999]
    assert _spread(5).tolist() == [0, 1, 2, 3, 4]


def test_the_drop_becomes_a_direction_and_a_line_of_the_prompt() -> None:
    space = support.space()
    assert "sensitivity" not in dict(space.profile.features())
    profiled_space = dataclasses.replace(space, profile=space.profile.with_sensitivity(found(hurts=2)))
    direction = dict(profiled_space.profile.features())["sensitivity"]
    assert direction[2] == 1
    assert set(direction[:2] + direction[3:]) == {-1}
    prompt = build_request(profiled_space, History(1), 2, max_tokens=100, temperature=None).messages[0].content
    assert '"accuracy_lost_when_it_alone_keeps": {"0.5": 0.2, "0.25": 0.6}' in prompt


def test_rules_and_grid_use_it() -> None:
    space = support.space()
    profiled_space = dataclasses.replace(space, profile=space.profile.with_sensitivity(found(hurts=2)))
    after_knapsacks = 1 + len(profiled_space.criteria)
    for arm, ticket in ((RulesProposer(profiled_space), after_knapsacks), (GridProposer(profiled_space), 1)):
        proposal = arm.propose(ticket, History(1))
        assert proposal is not None
        assert "sensitivity" in proposal.rationale
        assert proposal.strategy.ratios[2] == max(proposal.strategy.ratios)


def test_it_is_measured_only_for_arms_that_read_it() -> None:
    reads = {name for name, arm in (CLASSICAL | ASKING).items() if arm.reads_sensitivity}
    assert reads == {"rules", "grid", "llm", "hybrid"}


def test_sets_of_a_transformer_are_told_by_their_kind() -> None:
    spec = ModelSpec("vit_quarter", 10, (3, 32, 32))
    plan = build_plan(create_model(spec), spec, verify=False)
    profile = profile_plan(plan)
    kinds = {entry.kind for entry in profile.sets}
    assert {GroupKind.EMBEDDING, GroupKind.HEADS, GroupKind.HEAD_DIMS, GroupKind.NEURONS} <= kinds
    space = dataclasses.replace(support.space(), profile=profile, plan=plan)
    prompt = build_request(space, History(1), 2, max_tokens=100, temperature=None).messages[0].content
    assert '"kind": "head dims"' in prompt
    assert "embedding: dimensions of the tokens" in prompt
    assert "channels:" not in prompt
