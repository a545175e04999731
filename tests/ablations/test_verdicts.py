"""The sentences that a comparison's page opens with, held against runs whose outcome is known."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt

from ablations.floor.drawing import limit_to_shares
from ablations.plots import draw_plots
from ablations.ranking import compare
from ablations.verdicts import best_arms, best_llms
from tests.ablations.samples import arm_runs, run

LOW, HIGH = (0.70, 0.71, 0.72, 0.70), (0.90, 0.92, 0.91, 0.92)
NEAR = (0.91, 0.90, 0.93, 0.91)
WHERE = "tiny on digits at 1 MMACs"


def test_who_is_best_and_against_whom_that_is_shown() -> None:
    arms = compare([*arm_runs("rules", *HIGH), *arm_runs("tpe", *NEAR), *arm_runs("random", *LOW)])
    (said,) = best_arms(arms)
    assert said.startswith(f"{WHERE}: rules and tpe share the best mean test accuracy, 91.25 ± 1.52 %")
    assert said.endswith("; it is better than random (paired t-test after Holm's correction).")


def test_a_lead_that_is_not_shown_is_called_so() -> None:
    (said,) = best_arms(compare([*arm_runs("rules", 0.90, 0.95), *arm_runs("tpe", 0.91, 0.92)]))
    assert "rules has the best mean test accuracy, 92.50" in said
    assert said.endswith("no difference is shown to tpe.")


def test_one_arm_and_unequal_terms_have_no_answer() -> None:
    assert list(best_arms(compare(arm_runs("rules", *HIGH)))) == [
        f"{WHERE}: only rules was run, so there is nothing to compare it with."
    ]
    unequal = compare([run("rules"), run("tpe", config={"epochs": "99"})])
    assert list(best_arms(unequal)) == [f"{WHERE}: no answer, because its runs differ in more than the arm."]


@pytest.mark.parametrize(
    ("asking", "classical", "words"),
    [
        (HIGH, LOW, "llm (x) is better than rules, the best classical arm: "),
        (LOW, HIGH, "llm (x) is worse than rules, the best classical arm: "),
        (HIGH, NEAR, "no difference is shown between llm (x), the best LLM arm, and rules, the best classical one: "),
    ],
)
def test_an_llm_is_held_against_the_best_classical_arm(
    asking: tuple[float, ...], classical: tuple[float, ...], words: str
) -> None:
    runs = [*arm_runs("llm:x", *asking), *arm_runs("rules", *classical), *arm_runs("zoo", *(0.1,) * 4)]
    first, second = best_llms(compare(runs))
    assert first == f"{WHERE}: only llm (x) asks an LLM."
    assert words in second
    assert "rules minus llm (x), 4 seeds" in second


def test_two_llms_are_ranked_among_themselves() -> None:
    first, *others = best_llms(compare([*arm_runs("llm:x", *HIGH), *arm_runs("llm:y", *LOW)]))
    assert first.startswith(f"{WHERE}, which LLM: llm (x) has the best mean test accuracy, 91.25")
    assert "better than llm (y)" in first
    assert others == []


def test_no_axis_of_accuracies_shows_more_than_all_of_them() -> None:
    """One arm at 99.8 % was once drawn on an axis up to 104 %."""
    figure, axes = plt.subplots()
    axes.errorbar([1], [0.998], yerr=[0.02])
    limit_to_shares(axes)
    low, high = axes.get_ylim()
    assert high <= 1.01
    figure.canvas.draw()
    labels = [label.get_text() for label in axes.get_yticklabels() if low <= label.get_position()[1] <= high]
    assert len(set(labels)) == len(labels)
    plt.close(figure)


def test_the_plots_of_one_arm_are_drawn(tmp_path: Path) -> None:
    """Without revisions, cost and trials there is one thing to see, and no empty picture beside it."""
    made = draw_plots(compare(arm_runs("rules", 0.998)), tmp_path)
    assert [path.name for _, path in made] == ["pareto.png"]
    assert np.asarray(plt.imread(made[0][1])).size
