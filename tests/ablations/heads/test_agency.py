"""Agency: each rule by itself, what the forward pass makes of it, and what is reported."""

import json
import math
from dataclasses import replace

import pytest
import torch

from ablations.heads.agency.acting import agency_gates, compensated, volunteers
from ablations.heads.agency.observing import alignments, observe
from ablations.heads.agency.report import HeadsReport
from ablations.heads.agency.rules import Observed, Rules, judged, step
from ablations.heads.agency.states import Signals, State
from ablations.heads.gates import gated, mask, open_gates, projections_seen
from ablations.heads.language_model import Head, LanguageModel
from tests.ablations.heads.models import hand_model, some_tokens

RULES = Rules()


def after(*standings: float, alignment: float = 0.1, rules: Rules = RULES) -> Signals:
    """Judge a head after batches in which it stood so many standard deviations from the mean."""
    signals = Signals(utilisation=0.4, alignment=alignment)
    for number, standing in enumerate(standings, start=1):
        signals = judged(signals, standing, rules, number)
    return signals


class TestRules:
    """One rule each."""

    def test_the_first_batch_is_the_average_and_later_ones_move_it_by_a_tenth(self) -> None:
        head, other = Head(0, 0), Head(0, 1)
        start = {head: Signals(), other: Signals()}
        first = step(start, {head: Observed(0.5, 0.25), other: Observed(0.5, 0.0)}, RULES, 1)
        assert (first[head].utilisation, first[head].alignment) == (0.5, 0.25)
        second = step(first, {head: Observed(0.7, 1.25), other: Observed(0.5, 0.0)}, RULES, 2)
        assert second[head].utilisation == pytest.approx(0.52)
        assert second[head].alignment == pytest.approx(0.35)

    def test_heads_are_judged_among_all_by_the_spread_of_their_averages(self) -> None:
        """Of 0.1, 0.4, 0.4, 0.4 and 0.7 the mean is 0.4, the standard deviation 0.19: only the ends are beyond."""
        used = (0.1, 0.4, 0.4, 0.4, 0.7)
        observed = {Head(0, number): Observed(value, 0.1) for number, value in enumerate(used)}
        signals = step(step(dict.fromkeys(observed, Signals()), observed, RULES, 1), observed, RULES, 2)
        active = [State.ACTIVE] * 3
        assert [said.state for said in signals.values()] == [State.WITHDRAWN, *active, State.OVERLOADED]

    def test_heads_that_are_used_alike_are_all_active(self) -> None:
        observed = {Head(0, number): Observed(0.3, 0.1) for number in range(4)}
        signals = step(step(dict.fromkeys(observed, Signals()), observed, RULES, 1), observed, RULES, 2)
        assert {said.state for said in signals.values()} == {State.ACTIVE}

    def test_a_head_that_nothing_is_wrong_with_is_active(self) -> None:
        assert after(0, -0.9, 0.9) == Signals(State.ACTIVE, True, 0.4, 0.1, 0, 0)

    def test_a_head_with_little_to_do_withdraws_after_two_batches(self) -> None:
        assert after(-1.1).state is State.ACTIVE
        found = after(-1.1, -1.1)
        assert (found.state, found.consent, found.changed_at) == (State.WITHDRAWN, False, 2)

    def test_one_such_batch_between_others_is_not_enough(self) -> None:
        assert after(-1.1, 0, -1.1, 0, -1.1).consent

    def test_consent_is_given_again_after_two_batches(self) -> None:
        assert not after(-2, -2, 0).consent
        found = after(-2, -2, 0, 0)
        assert (found.state, found.consent, found.changed_at) == (State.ACTIVE, True, 4)

    def test_a_head_that_is_used_too_much_is_overloaded(self) -> None:
        found = after(1.1)
        assert (found.state, found.consent, found.changed_at) == (State.OVERLOADED, True, 1)

    def test_a_head_against_the_others_is_misaligned(self) -> None:
        assert after(0, alignment=-0.01).state is State.MISALIGNED

    def test_overload_comes_before_misalignment(self) -> None:
        assert after(1.1, alignment=-0.5).state is State.OVERLOADED

    def test_withdrawal_comes_before_all(self) -> None:
        assert after(-1.1, -1.1, alignment=-0.5).state is State.WITHDRAWN
        assert after(-1.1, -1.1, 2, alignment=-0.5).state is State.WITHDRAWN


def some_signals(model: LanguageModel) -> dict[Head, Signals]:
    states = (State.ACTIVE, State.OVERLOADED, State.MISALIGNED, State.WITHDRAWN)
    return {head: Signals(states[number % 4], number % 4 != 3, 0.5, 0.1) for number, head in enumerate(model.all_heads)}


def test_the_forward_pass_respects_consent_then_removal_then_state() -> None:
    model = hand_model(layers=2, heads=4, width=2)
    found = agency_gates(model, some_signals(model), [Head(1, 0), Head(1, 3)])
    expected = [[1.0, 0.5, 0.7, 0.0], [0.0, 0.5, 0.7, 0.0]]
    assert found.tolist() == [pytest.approx(layer) for layer in expected]


def test_a_head_without_consent_is_silent_whatever_its_state_says() -> None:
    model = hand_model()
    signals = {head: Signals(State.ACTIVE, consent=False) for head in model.all_heads}
    assert not agency_gates(model, signals, []).any()


def test_volunteers_are_those_without_consent() -> None:
    model = hand_model(layers=2, heads=4, width=2)
    assert volunteers(some_signals(model)) == {Head(0, 3), Head(1, 3)}


@torch.no_grad()
def _scales(model: LanguageModel, gates: torch.Tensor) -> list[float]:
    with gated(model, gates), projections_seen(model) as seen:
        model.logits(some_tokens())
    return [
        float((output - attention.c_proj.bias).square().mean().sqrt())
        for (_, output), attention in zip(seen, model.attentions, strict=True)
    ]


def test_the_remaining_gates_keep_the_scale_of_each_block() -> None:
    model = hand_model(layers=3)
    gates = torch.tensor([[1.0, 0.0], [0.5, 0.7], [1.0, 1.0]])
    found = compensated(model, gates, some_tokens())
    assert _scales(model, found) == pytest.approx(_scales(model, open_gates(model)), rel=1e-4)
    assert _scales(model, gates) != pytest.approx(_scales(model, open_gates(model)), rel=1e-2)
    assert float(found[1, 0] / found[1, 1]) == pytest.approx(0.5 / 0.7)
    assert float(found[0, 1]) == 0


def test_nothing_is_compensated_where_nothing_is_gone() -> None:
    model = hand_model(layers=2)
    assert torch.equal(compensated(model, open_gates(model), some_tokens()), open_gates(model))


def test_a_layer_without_heads_has_nothing_to_compensate() -> None:
    model = hand_model(layers=2)
    found = compensated(model, mask(model, [Head(0, 0), Head(0, 1)]), some_tokens())
    assert not found[0].any()
    assert bool(torch.isfinite(found).all())


def test_alignment_of_two_heads_by_hand() -> None:
    """Head 0 writes (1, 0) and head 1 writes (3, 4) / 5: their cosine is 0.6, and −0.6 if one is turned around."""
    received = torch.ones(1, 1, 2, 1)
    weight = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    assert alignments(received, weight).tolist() == pytest.approx([0.6, 0.6])
    assert alignments(received, weight * torch.tensor([[1.0], [-2.0]])).tolist() == pytest.approx([-0.6, -0.6])


def test_three_heads_are_each_compared_with_the_sum_of_the_others() -> None:
    received = torch.ones(1, 1, 3, 1)
    weight = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, -2.0]])
    cosines = [0.0, -2 / 5**0.5, -1 / 2**0.5]
    assert alignments(received, weight).tolist() == pytest.approx(cosines, abs=1e-6)


def test_observing_is_deterministic_and_fills_every_head(tiny: LanguageModel) -> None:
    tokens = torch.arange(80).view(4, 20)
    first, second = observe(tiny, tokens, RULES), observe(tiny, tokens, RULES)
    assert first == second
    assert list(first) == list(tiny.all_heads)
    assert all(said.utilisation is not None and 0 < said.utilisation < 1 for said in first.values())


def test_a_head_that_attends_to_everything_withdraws_when_it_is_watched() -> None:
    model = hand_model(heads=4)
    with torch.no_grad():
        model.attentions[0].c_attn.weight[:, :3] = 0
        model.attentions[0].c_attn.bias[:3] = 0
    found = observe(model, some_tokens(rows=3, time=14), RULES)
    assert found[Head(0, 0)].state is State.WITHDRAWN
    uniform = 1 - math.log(math.factorial(14)) / 14 / math.log(14)
    assert found[Head(0, 0)].utilisation == pytest.approx(uniform)


class TestReport:
    """What is told of the heads."""

    def report(self) -> HeadsReport:
        model = hand_model(layers=1, heads=4, width=2)
        gates = torch.tensor([[1.0, 0.0, 0.0, 1.0]])
        return HeadsReport(some_signals(model), gates, [Head(0, 1), Head(0, 2)])

    def test_a_head_that_acts_without_consent_is_a_violation(self) -> None:
        assert self.report().violations == (Head(0, 3),)

    def test_figures(self) -> None:
        assert self.report().figures() == {
            "heads_removed": 2,
            "heads_acting": 2,
            "consent_violations": 1,
            "removed_volunteers": 0,
            "removed_against_consent": 2,
        }

    def test_volunteers_among_the_removed(self) -> None:
        report = replace(self.report(), gates=torch.tensor([[1.0, 1.0, 0.0, 0.0]]), removed=[Head(0, 3), Head(0, 2)])
        assert report.removed_volunteers == (Head(0, 3),)
        assert report.violations == ()
        assert report.figures()["removed_against_consent"] == 1

    def test_it_is_json(self) -> None:
        found = json.loads(json.dumps(self.report().to_json()))
        assert found["states"] == {"active": 1, "overloaded": 1, "misaligned": 1, "withdrawn": 1}
        assert found["consents"] == 3
        assert found["violations"] == [[0, 3]]
        assert found["heads"][1]["state"] == "overloaded"
        assert found["heads"][1]["gate"] == 0
