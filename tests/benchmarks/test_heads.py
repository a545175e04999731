"""The benchmark of all subsets, on a model with sixteen of them."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from ablations.heads.bench import Bench
from ablations.heads.conditions import Arm, Factors
from ablations.heads.deciding import decide
from ablations.heads.gates import gated, mask
from ablations.heads.importance.registry import importance
from ablations.heads.language_model import Head
from ablations.heads.perplexity import teacher_forced
from ablations.heads.selection import select
from benchmarks.heads.gain import agency_gain, gains_of
from benchmarks.heads.regret import Choice, choices, judged, summary
from benchmarks.heads.subsets import all_losses, check_losses
from tests.ablations.heads.models import hand_model, some_tokens


def silent(done: int, of: int) -> None: ...


def test_every_subset_has_the_loss_of_the_masked_model(tmp_path: Path) -> None:
    model, tokens = hand_model(layers=2), some_tokens(rows=3)
    losses = all_losses(model, tokens, tmp_path, silent)
    assert len(losses) == 16
    for kept, loss in losses.items():
        with torch.no_grad(), gated(model, mask(model, set(model.all_heads) - kept)):
            assert loss == pytest.approx(float(model.losses(tokens).double().mean()), abs=1e-5)
    assert check_losses(model, tokens, losses, seed=0) < 1e-5


def test_a_wrong_loss_is_noticed(tmp_path: Path) -> None:
    model, tokens = hand_model(layers=2), some_tokens()
    losses = dict(all_losses(model, tokens, tmp_path, silent))
    losses[frozenset()] += 1e-2
    with pytest.raises(AssertionError, match=r"differs by 0\.01 from that of the masked model"):
        check_losses(model, tokens, losses, seed=0)


def test_it_goes_on_where_it_was_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokens, told = hand_model(layers=2), some_tokens(), []

    def interrupted(done: int, of: int) -> None:
        told.append((done, of))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        all_losses(model, tokens, tmp_path, interrupted)
    first = {path.name: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    whole = all_losses(model, tokens, tmp_path, silent)
    assert len(first) == 2
    assert len(whole) == 16
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json") if path.name in first} == first
    assert whole == all_losses(model, tokens, tmp_path / "anew", silent)
    assert told == [(1, 4), (2, 4)]


def test_another_model_or_text_is_measured_anew(tmp_path: Path) -> None:
    all_losses(hand_model(layers=2), some_tokens(), tmp_path, silent)
    all_losses(hand_model(layers=2, seed=1), some_tokens(), tmp_path, silent)
    all_losses(hand_model(layers=2), some_tokens(seed=1), tmp_path, silent)
    assert len(list(tmp_path.iterdir())) == 3


def test_regret_and_rank_among_subsets_of_the_same_size() -> None:
    a, b, c = (Head(0, number) for number in range(3))
    losses = {frozenset(): 3.0, frozenset({a}): 1.0, frozenset({b}): 2.0, frozenset({c}): 2.0, frozenset({a, b}): 0.5}
    assert judged(losses, frozenset({a})) == Choice(0, 1)
    assert judged(losses, frozenset({c})) == Choice(math.exp(2) - math.exp(1), 2)


def test_the_best_criterion_is_that_of_the_lowest_mean_regret() -> None:
    found = {
        "first": {50.0: [Choice(1, 2), Choice(3, 4)], 30.0: [Choice(0, 1), Choice(0, 1)]},
        "second": {50.0: [Choice(1, 3), Choice(1, 3)], 30.0: [Choice(0.5, 2), Choice(0.5, 2)]},
    }
    told = summary(found, 12)
    assert told["regret"] == {"first": {"50": 2, "30": 0}, "second": {"50": 1, "30": 0.5}}
    assert told["rank_of_best_criterion"] == {
        "criterion": "second",
        "rank": {"50": 3, "30": 2},
        "of": {"50": math.comb(12, 6), "30": math.comb(12, 4)},
    }


def bench(seed: int) -> Bench:
    return Bench(hand_model(layers=2), some_tokens(seed=seed), some_tokens(rows=4, seed=seed + 10), ("w1",), seed)


def test_greedy_with_the_sample_itself_finds_the_best_single_removal(tmp_path: Path) -> None:
    own = bench(0)
    losses = all_losses(own.model, own.calibration, tmp_path, silent)
    assert choices(losses, [own], [25])["greedy"][25] == [Choice(0, 1)]


def test_what_agency_gains_has_an_interval_over_seeds() -> None:
    found: dict[str, Any] = agency_gain([bench(seed) for seed in range(2)], ("entropy", "magnitude"), (25, 50))
    assert found["seeds"] == 2
    assert found["mean"] == pytest.approx(sum(found["by_seed"]) / 2)
    assert found["low"] <= found["mean"] <= found["high"]
    assert set(found["by_criterion_and_level"]) == {"entropy 25", "entropy 50", "magnitude 25", "magnitude 50"}


@pytest.mark.parametrize("method", ["gradient", "greedy"])
def test_both_sides_have_the_same_number_of_acting_heads_and_the_same_text(method: str) -> None:
    """The oracle decides and selects for each level anew."""
    own, found = bench(3), {}
    for level in (25, 50):
        heads = decide(own, Factors(arm=Arm.PRUNED_WITH_AGENCY, method=method, level=level, temperature=1))
        plain = select(importance(method)(), own.evidence, 4 - heads.acting)
        perplexities = []
        for gates in (mask(own.model, plain), heads.gates):
            with gated(own.model, gates):
                perplexities.append(teacher_forced(own.model, own.held_out))
        assert perplexities[0] != pytest.approx(perplexities[1])
        found[level] = perplexities[0] - perplexities[1]
    assert gains_of(own, method, (25, 50)) == pytest.approx(found)
