"""The charts of the report: what they say is what the ledger says, whatever the run came to."""

import math
import random
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from search.outcome.charts.all_charts import charts_of
from search.outcome.charts.scale import Scale, share_labels, share_scale
from search.outcome.charts.sets import LEAST_TRIALS, chance, rank_correlation, telling_rung, weights
from search.outcome.charts.trade_off import LINE, trade_off
from search.outcome.charts.trials import drawn_trials
from search.outcome.summary import summarise
from tests.search import support
from tests.search.explained import COMPLETED, EARLY, FAILED, STOPPED, UNIFORM, Tried, searched
from tests.tracking.samples import numbered, on_holdout, whole_run
from tracking.events import Event, payloads_of
from tracking.payloads import PlanReady

START = Tried((0.9842, 0.9956), kept=UNIFORM)
shares = st.floats(0, 1)


def run_of(trials: int, *, tie: bool = False) -> tuple[Event, ...]:
    """A run in which a trial scores the better the more it keeps of the first set."""
    draw, groups = random.Random(trials), support.plan().groups
    tried = [START]
    for number in range(1, trials):
        share = draw.uniform(0.2, 1)
        kept = tuple(max(1, int(g.units * (share if g.set_index == 0 else draw.uniform(0.2, 1)))) for g in groups)
        score = START.scores[-1] if tie else 0.9 + 0.09 * share
        state = FAILED if number % 7 == 6 else STOPPED if number % 3 == 2 and not tie else COMPLETED
        scores = {FAILED: (), STOPPED: (score - 0.01,), COMPLETED: (score - 0.01, score)}[state]
        tried.append(Tried(scores, state, kept))
    return searched(*tried, winner=0)


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter() if node.tag.endswith("text")]  # noqa: S314


@pytest.mark.parametrize("tie", [False, True])
@pytest.mark.parametrize("trials", [1, 2, 6, 16, 60])
def test_every_chart_is_whole_and_within_its_frame(trials: int, tie: bool) -> None:
    events = run_of(trials, tie=tie)
    charts = charts_of(events, summarise(events))
    assert {"trade-off", "history", "rungs", "stages", "units"} <= charts.keys()
    assert ("parallel" in charts) == (trials > 1)
    assert ("importance" in charts) == (trials >= LEAST_TRIALS and not tie), "few trials, or equal scores, tell nothing"
    for svg in charts.values():
        tree = ET.fromstring(svg)  # noqa: S314
        width, height = map(float, tree.attrib["viewBox"].split()[2:])
        for node in tree.iter():
            x, y = (float(node.attrib.get(name, node.attrib.get(f"c{name}", 1))) for name in "xy")
            assert 0 <= x <= width
            assert 0 <= y <= height
        assert not any("nan" in value for node in tree.iter() for value in node.attrib.values())


@pytest.mark.parametrize("winner", [0.9911, 0.98, 0.95, 0.90])
def test_names_of_models_that_score_alike_stand_apart(winner: float) -> None:
    """Close to the upper edge there is no room above a mark, and another name may take most of what is below."""
    summary = summarise(numbered(whole_run()))
    assert summary.baseline is not None
    assert summary.winner is not None
    poor = [replace(trial, scores=(0.65,)) for trial in drawn_trials(run_of(1))]
    for step in range(41):
        base = summary.baseline.model_copy(update={"accuracy": winner + (step - 20) / 4000})
        best = summary.winner.model_copy(update={"accuracy": winner})
        drawn = trade_off(summary.model_copy(update={"baseline": base, "winner": best}), poor)
        assert drawn is not None
        nodes = [node for node in ET.fromstring(drawn).iter() if "strong" in node.attrib.get("class", "")]  # noqa: S314
        one, other = (float(node.attrib["y"]) for node in nodes)
        assert abs(one - other) >= LINE


def test_each_trial_tells_its_score_when_it_is_hovered() -> None:
    events = run_of(16)
    history = charts_of(events, summarise(events))["history"]
    for trial in drawn_trials(events):
        state = "winner" if trial.is_winner else trial.state.value.replace("_", " ")
        assert f"trial {trial.spec.trial} by {trial.spec.proposer}: {state}, " in history
    assert "99.56 % at rung 2" in history
    assert history.count("×") == 2, "the two that failed have no score, and are marked all the same"


def test_what_a_proposer_writes_is_text_and_no_markup() -> None:
    events = [
        Event(event.seq, event.time, event.payload.model_copy(update={"rationale": "<script>1</script>"}))
        if event.payload.kind == "proposed"
        else event
        for event in run_of(6)
    ]
    for svg in charts_of(events, summarise(events)).values():
        assert "<script" not in svg
        ET.fromstring(svg)  # noqa: S314


@given(st.lists(shares, min_size=1, max_size=5))
def test_an_axis_of_shares_shows_only_what_a_share_can_be_and_names_it_exactly(values: list[float]) -> None:
    """The former axis showed half points with whole labels: 99.56 % sat on 100 %, and one arm reached 104 %."""
    scale = share_scale(values, 0, 100)
    assert 0 <= scale.low <= min(values)
    assert max(values) <= scale.high <= 1
    ticks = scale.ticks()
    labels = share_labels(ticks)
    assert len(set(labels)) == len(labels)
    assert all(
        abs(float(label.removesuffix(" %")) / 100 - tick) < 1e-4 for label, tick in zip(labels, ticks, strict=True)
    )


def test_a_small_run_has_half_points_that_are_named_as_such() -> None:
    events = run_of(6)
    labels = texts(charts_of(events, summarise(events))["rungs"])
    named = [float(label.removesuffix(" %")) for label in labels if label.endswith("%")]
    assert len(named) == len(set(named)) >= 3


@pytest.mark.parametrize("trials", [2, 6, 60])
def test_the_axis_of_scores_names_its_ends_and_nothing_that_runs_into_them(trials: int) -> None:
    events = run_of(trials)
    named = [
        float(text.removesuffix(" %"))
        for text in texts(charts_of(events, summarise(events))["parallel"])
        if "%" in text
    ]
    rung, scored = telling_rung(drawn_trials(events))
    scores = [round(100 * trial.scores[rung - 1], 2) for trial in scored]
    assert {min(scores), max(scores)} <= set(named[3:]), "the first three name the ratios"
    heights = [
        float(y)
        for y in re.findall(r'x="[\d.]+" y="([\d.]+)" class="">', charts_of(events, summarise(events))["parallel"])
    ]
    assert min(abs(a - b) for a, b in zip(sorted(heights), sorted(heights)[1:], strict=False)) > 14


def test_ticks_are_round_and_within() -> None:
    assert Scale(0, 1, 0, 1).ticks(6) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert Scale(0.31, 0.32, 0, 1).ticks(3) == pytest.approx([0.31, 0.315, 0.32])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=20))
def test_the_correlation_is_spearman_s_with_ties(pairs: list[tuple[int, int]]) -> None:
    first, second = ([float(pair[side]) for pair in pairs] for side in (0, 1))
    if len(set(first)) > 1 and len(set(second)) > 1:
        assert rank_correlation(first, second) == pytest.approx(spearmanr(first, second).statistic, abs=1e-9)


def test_the_set_that_decides_is_found_and_stands_beyond_chance() -> None:
    events = run_of(60)
    trials, plan = drawn_trials(events), payloads_of(events, PlanReady)[0]
    first, *others = weights(plan, trials)
    bound = chance(len(telling_rung(trials)[1]))
    assert first.label.startswith("conv1.0")
    assert first.correlation > 0.8 > bound
    assert sum(abs(other.correlation) > bound for other in others) <= 2


def test_chance_is_what_unrelated_numbers_give() -> None:
    draw = np.random.default_rng(0)
    found = [abs(rank_correlation(draw.random(30).tolist(), draw.random(30).tolist())) for _ in range(400)]
    assert np.mean(np.asarray(found) < chance(30)) == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize(
    ("reached", "rung", "compared"),
    [((2,) * 8, 2, 8), ((2,) * 7 + (1,) * 3, 2, 7), ((3,) * 5 + (1,) * 15, 1, 20), ((2, 1), 1, 2), ((), 0, 0)],
)
def test_trials_are_compared_where_enough_of_them_were_scored(reached: Sequence[int], rung: int, compared: int) -> None:
    tried = [Tried((0.5,) * rungs, kept=EARLY) for rungs in reached] or [Tried((), FAILED)]
    events = searched(*tried, winner=0)[:-1] if reached else searched(START, *tried, winner=0)[:2]
    found, trials = telling_rung(drawn_trials(events))
    assert (found, len(trials)) == (rung, compared)


def test_the_curves_of_a_fine_tune_have_the_base_s_line() -> None:
    events = numbered(whole_run())
    charts = charts_of(events, summarise(events))
    assert "base model: 97.50 %" in charts["accuracy-curve"]
    assert "winner in its trial: 90.00 %" in charts["accuracy-curve"]
    assert re.findall(r"epoch (\d+): \d", charts["loss-curve"]) == ["1", "2"]
    assert "rate-curve" in charts


def test_where_the_holdout_is_trained_on_the_curve_says_that_it_is_no_holdout_score() -> None:
    events = numbered(on_holdout(whole_run()))
    curve = unescape(charts_of(events, summarise(events))["accuracy-curve"])
    assert "accuracy by epoch on the holdout's images, which are trained on" in curve
    assert "epoch 2: 96.00 %" in curve


def test_a_loss_that_is_no_number_is_no_point() -> None:
    events = [
        Event(event.seq, event.time, event.payload.model_copy(update={"train_loss": math.nan}))
        if event.payload.kind == "finetune_epoch"
        else event
        for event in numbered(whole_run())
    ]
    charts = charts_of(events, summarise(events))
    assert "loss-curve" not in charts
    assert "accuracy-curve" in charts
