"""Tests of `benchmarks.search`: figures worked out by hand, and trials against those of a launched run."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.search import protocol
from benchmarks.search.cell import Cell, search_cell
from benchmarks.search.clock import Clock
from benchmarks.search.figures import Result, agreement, gain, mean_ranks, over_budget, standings
from benchmarks.search.memo import Memo
from benchmarks.search.protocol import PEERS, Kind, Place, Terms
from search.setup.config import make_config
from tests.cli.launched import Launched
from tracking.events import payloads_of
from tracking.ledger import Ledger
from tracking.payloads import Proposed, Rung, RunStarted
from trainers.defaults import proxy_recipe

CELLS = (("net", "15%"), ("net", "8%"))


def result(name: str, seed: int, accuracy: float, cell: tuple[str, str] = CELLS[0], **values: Any) -> Result:
    curve = [{"accuracy": accuracy, "seconds": 2.0}]
    fixed = {"accuracy": accuracy, "proxy": accuracy, "macs": 9, "target_macs": 10, "over_budget": 0, "trials": 1}
    return Result(Place(*cell, seed), name, {**fixed, "curve": curve, **values})


def test_ranks_are_by_mean_and_averaged_over_cells() -> None:
    first = [result("a", 0, 0.5), result("a", 1, 0.7), result("b", 0, 0.9), result("b", 1, 0.1)]  # 0.6 and 0.5
    second = [result("a", 0, 0.3, CELLS[1]), result("b", 0, 0.4, CELLS[1])]
    assert mean_ranks([*first, *second]) == {"a": 1.5, "b": 1.5}
    assert mean_ranks(first) == {"a": 1.0, "b": 2.0}


def test_equals_share_a_rank() -> None:
    assert mean_ranks([result("a", 0, 0.5), result("b", 0, 0.5), result("c", 0, 0.4)]) == {"a": 1.5, "b": 1.5, "c": 3}


def test_the_best_arm_is_chosen_on_the_other_seeds() -> None:
    """Arm a is lucky on seed 0 only.

    On seeds 1 and 2 b leads, so b is the best arm for seed 0 (0.5 against 0.4). Without seed 1 or 2 a leads by luck, so
    a is the best arm there (0.2 against 0.4, twice).
    """
    arms = [result("a", 0, 1.0), result("b", 0, 0.5)]
    arms += [result(name, seed, accuracy) for seed in (1, 2) for name, accuracy in (("a", 0.2), ("b", 0.6))]
    won = gain(arms, [result("plain", seed, 0.4) for seed in range(3)])
    assert won is not None
    assert won.chosen == {"b": 1, "a": 2}
    assert won.estimate.mean == pytest.approx((0.1 - 0.2 - 0.2) / 3)
    assert won.estimate.n == 3


def test_an_arm_is_not_measured_against_itself() -> None:
    arms = [result(name, seed, accuracy) for seed in (0, 1) for name, accuracy in (("a", 0.6), ("b", 0.5))]
    won = gain(arms, [each for each in arms if each.name == "a"])
    assert won is not None
    assert won.chosen == {"b": 2}
    assert won.estimate.mean == pytest.approx(-0.1)


def test_one_seed_shows_no_gain() -> None:
    assert gain([result("a", 0, 0.6), result("b", 0, 0.5)], [result("b", 0, 0.5)]) is None


def test_trials_and_seconds_until_near_the_best_of_all_arms() -> None:
    """The mark is 0.80 − 0.01: arm a reaches it with its third trial, after 1 + 2 + 3 seconds, and b never does.

    A trial that was stopped early counts with its seconds and has no score.
    """
    curve = [{"accuracy": 0.3, "seconds": 1.0}, {"accuracy": None, "seconds": 2.0}, {"accuracy": 0.795, "seconds": 3.0}]
    best = [*curve, {"accuracy": 0.8, "seconds": 4.0}]
    rows = standings([result("a", 0, 0.8, curve=best, trials=4), result("b", 0, 0.5)], [result("peer", 0, 0.9)])
    a, b, peer = rows
    assert (a.name, a.near, a.trials_to_near, a.seconds_to_near) == ("a", 1, 3, 6.0)
    assert (b.name, b.near, b.trials_to_near, b.rank) == ("b", 0, None, 2)
    assert (peer.name, peer.rank) == ("peer", None)


def test_agreement_beside_its_ceiling() -> None:
    """Spearman's ρ by hand.

    Ranks 1 2 3 4 against 1 2 4 3 give ρ = 1 − 6·2/(4·15) = 0.8, against 2 1 4 3 they give 1 − 6·4/60 = 0.6, and those
    two with each other give 1 − 6·2/60 = 0.8.
    """
    tuned = ((1, 2), (2, 1), (4, 4), (3, 3))
    scores = ((1, 1), (2, 2), (4, 3), (3, 4))
    sampled = [
        result(str(n), 0, 0.0, rungs=[{"epochs": 1, "accuracy": early}, {"epochs": 4, "accuracy": late}], tuned=pair)
        for n, ((early, late), pair) in enumerate(zip(scores, tuned, strict=True))
    ]
    found = agreement("net", sampled, [])
    assert found is not None
    assert found.by_epochs == {1: pytest.approx((1.0 + 0.8) / 2), 4: pytest.approx((0.8 + 0.6) / 2)}
    assert found.proxy == found.by_epochs[4]
    assert found.ceiling == pytest.approx(0.8)
    assert found.among_winners is None


def test_the_time_left_is_estimated_by_kind() -> None:
    """Two processes need half of 1·30 + 4·10 + 2·20 s.

    Two of three searches took 30 s on average, one fine-tune of five took 10 s, and no sample is done yet.
    """
    clock = Clock([Kind.ARM] * 3 + [Kind.PEER] * 5 + [Kind.PROXY] * 2, processes=2)
    for kind, seconds in ((Kind.ARM, 20.0), (Kind.ARM, 40.0), (Kind.PEER, 10.0)):
        clock.done(kind, seconds)
    assert clock.left_s() == pytest.approx((30 + 40 + 40) / 2)


def test_every_model_over_budget_is_counted() -> None:
    arms = [result("a", 0, 0.5, over_budget=2), result("b", 0, 0.5, macs=11)]
    assert over_budget(arms, [result("peer", 0, 0.5, macs=12)]) == 4


def test_a_result_is_made_once(tmp_path: Path) -> None:
    sums = iter([3, 4])
    memo = Memo(tmp_path)
    for _ in range(2):
        assert memo.get({"what": "sum", "of": [1, 2]}, lambda: {"sum": next(sums)}) == {"sum": 3}
    assert next(sums) == 4, "the second time nothing was made"
    assert memo.holds({"what": "sum", "of": [1, 2]})
    assert not memo.holds({"what": "sum", "of": [1, 3]})


def test_a_failure_leaves_no_result(tmp_path: Path) -> None:
    memo = Memo(tmp_path)
    with pytest.raises(ZeroDivisionError):
        memo.get({"what": "sum"}, lambda: {"sum": 1 / 0})
    assert not memo.holds({"what": "sum"})


def test_each_arm_peer_and_sample_is_a_job_of_every_cell() -> None:
    terms = Terms(seeds=2, sampled=3)
    jobs = terms.jobs()
    assert len(set(jobs)) == len(jobs)
    assert len([job for job in jobs if job.kind == Kind.ARM]) == 2 * 2 * 2 * len(terms.arms)
    assert len([job for job in jobs if job.kind == Kind.PEER]) == 2 * 2 * 2 * len(PEERS)
    assert len([job for job in jobs if job.kind == Kind.PROXY]) == 2 * 3
    assert len(terms.bases()) == 4


def test_more_seeds_add_to_the_same_results_and_other_terms_do_not() -> None:
    assert Terms(seeds=5).key == Terms(seeds=2, models=("net",), arms=("tpe",)).key
    assert Terms(trials=8).key != Terms().key


def test_another_proxy_is_another_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Terms().key
    longer = proxy_recipe("shapes").model_copy(update={"rungs": (2, 4, 8)})
    monkeypatch.setattr(protocol, "proxy_recipe", lambda _name, *, batch_norm: longer)
    assert Terms().key != before


def test_the_trials_are_those_of_a_launched_run(whole: Launched, tmp_path: Path) -> None:
    """One process with one trial at a time and no Ray decides and scores as `launch.py` with Ray's actors."""
    config = make_config({**payloads_of(whole.events, RunStarted)[0].config, "runs": tmp_path})
    with Ledger.create(tmp_path / "ledger.jsonl") as ledger:
        search_cell(Cell.of(config), config.arm, ledger)
        assert payloads_of(ledger.events, Proposed) == payloads_of(whole.events, Proposed)
        assert _scores(payloads_of(ledger.events, Rung)) == _scores(payloads_of(whole.events, Rung))


def _scores(rungs: tuple[Rung, ...]) -> dict[tuple[int, int], float]:
    return {(rung.trial, rung.rung): rung.accuracy for rung in rungs}
