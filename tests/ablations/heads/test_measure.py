"""One condition measured, in every arm; and what happens to a measurement that contradicts itself."""

import contextlib
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import pytest
import torch
from torch import Tensor

from ablations.heads.agency.rules import Rules
from ablations.heads.bench import Bench, prepare
from ablations.heads.conditions import Arm, Factors, conditions
from ablations.heads.deciding import decide
from ablations.heads.errors import (
    ConstantImportanceError,
    ConstantPerplexityError,
    FailedGenerationError,
    MaskNotAppliedError,
)
from ablations.heads.figures import FIGURES
from ablations.heads.importance.base import Evidence
from ablations.heads.importance.entropy import Entropy
from ablations.heads.importance.magnitude import Magnitude
from ablations.heads.language_model import Head, LanguageModel
from ablations.heads.measure import measure
from ablations.heads.options import HeadsOptions

TIMED = {name for name, figure in FIGURES.items() if figure.timed}


@pytest.fixture
def options(tiny_folder: Path) -> HeadsOptions:
    return HeadsOptions(model_name=str(tiny_folder), device="cpu", num_tokens=12, max_prompts=3, batch_size=2)


@pytest.fixture
def bench(options: HeadsOptions) -> Bench:
    return prepare(options, 0, None)


def factors(arm: Arm, level: float = 0, method: str = "entropy", temperature: float = 1.0) -> dict[str, Any]:
    condition = Factors(arm=arm, method=method if level else "none", level=level, temperature=temperature)
    return condition.levels()


def untimed(figures: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in figures.items() if name not in TIMED}


@pytest.mark.parametrize("arm", Arm)
def test_every_arm_has_every_figure(options: HeadsOptions, arm: Arm) -> None:
    found = measure(options, factors(arm, 50 if arm.prunes else 0), 0, None, None)
    assert set(found) == set(FIGURES)
    assert found["heads_removed"] == (3 if arm.prunes else 0)
    assert found["heads_acting"] <= 6 - found["heads_removed"]
    assert all(found[name] > 0 for name in TIMED)
    assert found["first_token_latency_ms"] >= found["prompt_processing_ms"]
    if arm.has_agency:
        assert found["consent_violations"] == 0


@pytest.mark.parametrize("structural", [False, True])
def test_level_zero_without_agency_is_the_dense_model(options: HeadsOptions, structural: bool) -> None:
    options = options.model_copy(update={"structural": structural})
    dense = untimed(measure(options, factors(Arm.DENSE), 0, None, None))
    pruned = untimed(measure(options, factors(Arm.PRUNED, 0), 0, None, None))
    assert pruned == pytest.approx(dense, rel=0, abs=1e-6)


def test_the_same_seed_gives_the_same_figures_and_another_gives_others(options: HeadsOptions) -> None:
    first, again, other = (untimed(measure(options, factors(Arm.PRUNED, 50), seed, None, None)) for seed in (0, 0, 1))
    assert first == again
    assert all(first[name] != other[name] for name in ("perplexity", "generation_perplexity"))


@pytest.mark.parametrize("arm", [Arm.PRUNED, Arm.PRUNED_WITH_AGENCY])
def test_removal_for_real_changes_no_figure_of_quality(options: HeadsOptions, arm: Arm) -> None:
    masked = untimed(measure(options, factors(arm, 70), 0, None, None))
    real = untimed(measure(options.model_copy(update={"structural": True}), factors(arm, 70), 0, None, None))
    assert real.pop("parameters") < masked.pop("parameters")
    assert real == pytest.approx(masked, rel=1e-4)


def test_removing_heads_changes_the_perplexity(options: HeadsOptions) -> None:
    dense = measure(options, factors(Arm.DENSE), 0, None, None)["perplexity"]
    assert measure(options, factors(Arm.PRUNED, 100), 0, None, None)["perplexity"] != pytest.approx(dense, rel=1e-4)


def test_temperature_leaves_held_out_text_alone(options: HeadsOptions) -> None:
    cold, warm = (measure(options, factors(Arm.DENSE, temperature=t), 0, None, None) for t in (0.5, 1.5))
    assert cold["perplexity"] == warm["perplexity"]
    assert cold["generation_perplexity"] < warm["generation_perplexity"]


def test_what_is_kept_of_a_condition(options: HeadsOptions, tmp_path: Path) -> None:
    full = options.model_copy(update={"save_outputs": True, "memory_logging": True, "structural": True})
    found = measure(full, factors(Arm.PRUNED, 50), 0, None, tmp_path)
    heads = json.loads((tmp_path / "heads.json").read_text())
    assert heads["removal"] == "removed for real"
    assert len(heads["removed"]) == 3
    assert heads["figures"] == found
    texts = json.loads((tmp_path / "texts.json").read_text())
    assert [sorted(text) for text in texts] == [["continuation", "prompt"]] * 3
    memory = json.loads((tmp_path / "memory.json").read_text())
    assert memory["peak"] == found["peak_memory_mib"]
    assert list(memory)[1:] == ["before", "model and texts", "heads decided", "perplexity", "generation", "peak"]


def test_only_what_was_asked_for_is_kept(options: HeadsOptions, tmp_path: Path) -> None:
    measure(options, factors(Arm.DENSE), 0, None, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["heads.json"]
    assert json.loads((tmp_path / "heads.json").read_text())["removal"] == "masked"


def test_it_travels_to_another_process(options: HeadsOptions) -> None:
    restored, sent = pickle.loads(pickle.dumps((measure, options)))  # noqa: S301  our own bytes
    assert restored is measure
    assert sent == options


def _between_second_and_third(bench: Bench) -> float:
    used = sorted(said.utilisation or 0 for said in bench.signals(Rules()).values())
    return ((used[1] + used[2]) / 2 - fmean(used)) / pstdev(used)


class TestDeciding:
    """From arms to gates."""

    def test_withdrawn_heads_are_removed_first_with_agency(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        """Two heads withdraw, at a threshold between the second and the third; the criterion would remove them last."""
        least_used_last = torch.zeros(bench.model.layers, bench.model.heads, dtype=torch.float64)
        for head, said in bench.signals(Rules()).items():
            least_used_last[head] = -(said.utilisation or 0)
        monkeypatch.setattr(Magnitude, "scores", lambda *_: least_used_last)
        rules = Rules(withdraw_below=_between_second_and_third(bench))
        condition = Factors.model_validate(factors(Arm.PRUNED_WITH_AGENCY, 50, "magnitude"))
        found = decide(bench, condition, rules)
        withdrawn = {head for head, said in found.signals.items() if not said.consent}
        assert len(withdrawn) == 2
        assert set(found.removed[:2]) == withdrawn
        assert found.violations == ()
        plain = decide(bench, condition.model_copy(update={"arm": Arm.PRUNED}), rules)
        assert len(plain.removed) == len(found.removed) == 3
        assert set(plain.violations) == withdrawn
        assert withdrawn.isdisjoint(plain.removed)

    def test_agency_alone_removes_nothing(self, bench: Bench) -> None:
        found = decide(bench, Factors.model_validate(factors(Arm.AGENCY)))
        assert found.removed == ()

    def test_without_agency_gates_are_open_or_closed(self, bench: Bench) -> None:
        found = decide(bench, Factors.model_validate(factors(Arm.PRUNED, 50)))
        assert sorted(found.gates.flatten().tolist()) == [0, 0, 0, 1, 1, 1]
        assert [float(found.gates[head]) for head in found.removed] == [0, 0, 0]


class TestPlantedFaults:
    """Each of these has been published as a result."""

    def test_an_importance_that_is_a_constant(self, options: HeadsOptions, monkeypatch: pytest.MonkeyPatch) -> None:
        def constant(self: Entropy, evidence: Evidence, removed: frozenset[Head]) -> Tensor:
            return torch.zeros(evidence.model.layers, evidence.model.heads, dtype=torch.float64)

        monkeypatch.setattr(Entropy, "scores", constant)
        with pytest.raises(ConstantImportanceError, match="gives all 6 heads the same score"):
            measure(options, factors(Arm.PRUNED, 50), 0, None, None)

    def test_a_mask_that_is_not_applied(self, options: HeadsOptions, monkeypatch: pytest.MonkeyPatch) -> None:
        @contextlib.contextmanager
        def nothing(model: LanguageModel, gates: Tensor) -> Iterator[None]:
            yield

        monkeypatch.setattr("ablations.heads.measure.gated", nothing)
        with pytest.raises(MaskNotAppliedError, match="was not applied as decided"):
            measure(options, factors(Arm.PRUNED, 50), 0, None, None)

    def test_a_removal_that_removes_nothing(self, options: HeadsOptions, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ablations.heads.measure.without_closed_heads", lambda model, _: model)
        with pytest.raises(MaskNotAppliedError, match="differs from the masked one"):
            measure(options.model_copy(update={"structural": True}), factors(Arm.PRUNED, 100), 0, None, None)

    def test_a_perplexity_that_is_a_constant(self, options: HeadsOptions, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(LanguageModel, "losses", lambda _, tokens: torch.ones(len(tokens), tokens.shape[1] - 1))
        with pytest.raises(ConstantPerplexityError, match="does not depend on the text"):
            measure(options, factors(Arm.DENSE), 0, None, None)

    def test_a_generation_that_fails(
        self, options: HeadsOptions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        real = LanguageModel.decode
        monkeypatch.setattr(
            LanguageModel, "decode", lambda self, tokens: " " if len(tokens) == 12 else real(self, tokens)
        )
        with pytest.raises(FailedGenerationError, match="None of the 3 continuations holds a word"):
            measure(options, factors(Arm.DENSE), 0, None, tmp_path)
        assert list(tmp_path.iterdir()) == []


def test_conditions_of_the_defaults_are_measured_once_each() -> None:
    asked = conditions(HeadsOptions(seeds=1))
    found = [tuple(one.factors.values()) for one in asked]
    assert len(found) == len(set(found)) == 2 * (1 + 1 + 2 * (1 + 3 * 3))
    assert {arm for arm, *_ in found} == set(Arm)
    assert all((method == "none") == (level == 0) for _, method, level, _ in found)
    assert sum(arm == "dense" for arm, *_ in found) == 2
    assert all(Factors.model_validate(one.factors).levels() == one.factors for one in asked)
