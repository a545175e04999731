"""The criteria: a contract that all of them keep, and each one worked by hand on two heads."""

import math

import pytest
import torch

from ablations.heads.attention import concentration, entropy
from ablations.heads.gates import gated
from ablations.heads.importance.base import Evidence
from ablations.heads.importance.entropy import Entropy
from ablations.heads.importance.gradient import Gradient, gate_gradients
from ablations.heads.importance.greedy import Greedy
from ablations.heads.importance.hies import Hies
from ablations.heads.importance.magnitude import Magnitude
from ablations.heads.importance.random_order import Random
from ablations.heads.importance.registry import IMPORTANCES, importance
from ablations.heads.language_model import Head, LanguageModel
from tests.ablations.heads.models import hand_model, logits_by_hand, some_tokens

NOTHING: frozenset[Head] = frozenset()


def evidence(model: LanguageModel, seed: int = 0) -> Evidence:
    return Evidence(model, some_tokens(), seed)


def blind(model: LanguageModel, head: int) -> LanguageModel:
    """Let a head attend to all that it can see alike: without queries all scores are zero."""
    width = model.head_width
    with torch.no_grad():
        model.attentions[0].c_attn.weight[:, head * width : (head + 1) * width] = 0
        model.attentions[0].c_attn.bias[head * width : (head + 1) * width] = 0
    return model


def mute(model: LanguageModel, head: int) -> LanguageModel:
    """Let nothing of a head come through the output projection."""
    with torch.no_grad():
        model.attentions[0].c_proj.weight[head * model.head_width : (head + 1) * model.head_width] = 0
    return model


@pytest.mark.parametrize("name", IMPORTANCES)
class TestContract:
    """What selection relies on."""

    def test_one_finite_score_for_each_head(self, name: str) -> None:
        model = hand_model(layers=2, heads=3)
        scores = importance(name)().scores(evidence(model), NOTHING)
        assert scores.shape == (2, 3)
        assert scores.dtype == torch.float64
        assert scores.device.type == "cpu"
        assert bool(torch.isfinite(scores).all())

    def test_the_heads_differ(self, name: str) -> None:
        scores = importance(name)().scores(evidence(hand_model(layers=2, heads=3)), NOTHING)
        assert len(set(scores.flatten().tolist())) == 6

    def test_the_same_evidence_gives_the_same_scores(self, name: str) -> None:
        first, second = (importance(name)().scores(evidence(hand_model(layers=2)), NOTHING) for _ in range(2))
        assert torch.equal(first, second)

    def test_nothing_is_changed(self, name: str) -> None:
        model = hand_model(layers=2)
        state, chance = torch.get_rng_state(), model.logits(some_tokens())
        importance(name)().scores(evidence(model), NOTHING)
        assert torch.equal(torch.get_rng_state(), state)
        assert torch.equal(model.logits(some_tokens()), chance)
        assert all(weight.grad is None for weight in model.network.parameters())

    def test_its_name_and_summary(self, name: str) -> None:
        kind = importance(name)
        assert kind.name == name
        assert kind.summary


def test_entropy_of_probabilities() -> None:
    """One head looks at a single token; the other, in its second query, at two alike."""
    one_token, alike = [[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.5, 0.5]]
    found = entropy(torch.tensor([[one_token, alike]]))
    assert found.tolist() == pytest.approx([0, math.log(2) / 2])
    assert concentration(found, 2).tolist() == pytest.approx([1, 0.5])


def test_entropy_removes_the_head_that_attends_to_everything() -> None:
    """Query t of six sees t tokens alike, with an entropy of ln t: in the mean ln 6! / 6, the most there can be."""
    scores = Entropy().scores(evidence(blind(hand_model(), 1)), NOTHING)
    assert float(scores[0, 1]) == pytest.approx(-math.log(math.factorial(6)) / 6)
    assert scores[0, 1] < scores[0, 0]


def test_magnitude_is_the_sum_of_four_norms() -> None:
    """Queries, keys and values of a head are 6 × 3, its output 3 × 6: 18 equal weights w have the norm w·√18."""
    model = hand_model()
    with torch.no_grad():
        for part, (first, second) in enumerate([(1.0, 2.0), (3.0, 1.0), (2.0, 2.0)]):
            model.attentions[0].c_attn.weight[:, 6 * part : 6 * part + 3] = first
            model.attentions[0].c_attn.weight[:, 6 * part + 3 : 6 * part + 6] = -second
        model.attentions[0].c_proj.weight[:3] = 0.5
        model.attentions[0].c_proj.weight[3:] = 4
    found = Magnitude().scores(evidence(model), NOTHING)
    assert found[0].tolist() == pytest.approx([6.5 * math.sqrt(18), 9 * math.sqrt(18)])


def test_random_follows_the_seed_alone() -> None:
    orders = [Random().scores(evidence(hand_model(heads=4, seed=seed), seed), NOTHING) for seed in range(8)]
    again = [Random().scores(evidence(hand_model(heads=4), seed), NOTHING) for seed in range(8)]
    assert all(torch.equal(one, other) for one, other in zip(orders, again, strict=True))
    assert all(sorted(order.flatten().tolist()) == [0, 1, 2, 3] for order in orders)
    assert len({tuple(order.flatten().tolist()) for order in orders}) > 1


def _loss_by_hand(model: LanguageModel, sequence: torch.Tensor, gates: torch.Tensor) -> float:
    """A head whose rows of the output projection are multiplied by its gate is a gated head."""
    weight = model.attentions[0].c_proj.weight
    kept = weight.detach().clone()
    with torch.no_grad():
        weight.mul_(gates.repeat_interleave(model.head_width)[:, None])
        chances = logits_by_hand(model, sequence).log_softmax(1)
        weight.copy_(kept)
    return -float(chances[torch.arange(len(sequence) - 1), sequence[1:]].mean())


def test_gradient_is_the_mean_slope_of_the_loss_along_each_gate() -> None:
    model, tokens = hand_model(), some_tokens()
    slopes = []
    for head in range(2):
        up, down = torch.ones(2), torch.ones(2)
        up[head] += 1e-3
        down[head] -= 1e-3
        found = [(_loss_by_hand(model, row, up) - _loss_by_hand(model, row, down)) / 2e-3 for row in tokens]
        slopes.append(sum(map(abs, found)) / len(found))
    assert gate_gradients(model, tokens)[0].tolist() == pytest.approx(slopes, rel=1e-2)
    length = math.hypot(*slopes)
    assert Gradient().scores(evidence(model), NOTHING)[0].tolist() == pytest.approx(
        [slope / length for slope in slopes], rel=1e-2
    )


def test_gradient_removes_the_head_that_nothing_comes_from() -> None:
    assert Gradient().scores(evidence(mute(hand_model(), 1)), NOTHING)[0].tolist() == [1.0, 0.0]


def test_hies_multiplies_gradient_and_concentration() -> None:
    """Only head 0 comes through, and it attends to all alike: 1 × (1 − ln 6! / (6 · ln 6)), and 0 for the other."""
    model = mute(blind(hand_model(), 0), 1)
    expected = 1 - math.log(math.factorial(6)) / 6 / math.log(6)
    assert Hies().scores(evidence(model), NOTHING)[0].tolist() == pytest.approx([expected, 0])


def test_greedy_is_the_loss_without_each_head_and_those_that_are_gone() -> None:
    model, tokens = hand_model(heads=3), some_tokens()

    def without(*gone: int) -> float:
        gates = torch.tensor([float(head not in gone) for head in range(3)])
        return sum(_loss_by_hand(model, row, gates) for row in tokens) / len(tokens)

    first = Greedy().scores(evidence(model), NOTHING)[0]
    assert first.tolist() == pytest.approx([without(0), without(1), without(2)], rel=1e-5)
    second = Greedy().scores(evidence(model), frozenset({Head(0, 1)}))[0]
    assert second[0] == pytest.approx(without(0, 1), rel=1e-5)
    assert second[2] == pytest.approx(without(1, 2), rel=1e-5)


def test_criteria_see_the_dense_model_without_gates_left_from_elsewhere() -> None:
    model = hand_model()
    plain = Gradient().scores(evidence(model), NOTHING)
    with gated(model, torch.tensor([[1.0, 0.0]])):
        pass
    assert torch.equal(Gradient().scores(evidence(model), NOTHING), plain)
