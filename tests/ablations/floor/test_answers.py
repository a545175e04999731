"""Answers computed by hand: pairing by seed, slopes, Holm over the questions asked, verdicts and their meaning."""

import math
from collections.abc import Mapping

import pytest

from ablations.floor.answers import Answer, answer_all
from ablations.floor.condition import Condition, Level
from ablations.floor.figure import Direction, Figure
from ablations.floor.questions import Combination, Contrast, Interaction, PairedTest, Question, Slope, Verdict
from ablations.floor.results import Outcome, Results
from ablations.floor.sentences import answer_sentences
from ablations.floor.tables import answers_table

FIGURE = Figure(key="loss", title="Loss", better=Direction.LOWER, unit="nats", digits=2)
Row = tuple[Mapping[str, Level], int, float | None]


def results(*rows: Row) -> Results:
    """Return outcomes; None is a failure."""
    return Results(
        tuple(
            Outcome(Condition(factors=dict(factors), seed=seed), None if loss is None else {"loss": loss}, None)
            if loss is not None
            else Outcome(Condition(factors=dict(factors), seed=seed), error="planted")
            for factors, seed, loss in rows
        )
    )


def arm(name: str, *losses: float | None) -> list[Row]:
    return [({"arm": name}, seed, loss) for seed, loss in enumerate(losses)]


def contrast(second: Mapping[str, Level], first: Mapping[str, Level], **changes: object) -> Contrast:
    fields = {"key": "q", "text": "Is it?", "figure": "loss", "better": Direction.LOWER, **changes}
    return Contrast.model_validate({**fields, "first": dict(first), "second": dict(second)})


def ask(question: Question, *rows: Row) -> Answer:
    (answer,) = answer_all([question], results(*rows))
    return answer


AB = contrast({"arm": "b"}, {"arm": "a"})


def test_arms_are_paired_by_seed() -> None:
    answer = ask(AB, *arm("a", 1.0, 2.0, 3.0, 4.0), *arm("b", 0.9, 1.91, 2.9, 3.89))
    assert answer.difference is not None
    assert answer.difference.mean == pytest.approx(-0.1)
    assert (answer.seeds, answer.left_out, answer.verdict) == ((0, 1, 2, 3), (), Verdict.BETTER)


@pytest.mark.parametrize(("better", "verdict"), [(Direction.LOWER, Verdict.BETTER), (Direction.HIGHER, Verdict.WORSE)])
def test_what_is_better_depends_on_the_direction(better: Direction, verdict: Verdict) -> None:
    question = contrast({"arm": "b"}, {"arm": "a"}, better=better)
    assert ask(question, *arm("a", 1.0, 2.0, 3.0), *arm("b", 0.9, 1.9, 2.91)).verdict is verdict


def test_a_seed_with_a_failure_is_left_out_of_both_arms() -> None:
    answer = ask(AB, *arm("a", 1.0, None, 3.0), *arm("b", 0.9, 100.0, 2.9))
    assert (answer.seeds, answer.left_out) == ((0, 2), (1,))
    assert answer.difference is not None
    assert answer.difference.mean == pytest.approx(-0.1)


def test_levels_that_both_arms_have_are_compared_level_by_level() -> None:
    """The arms have other levels too, whose losses must not count: they are no difference between arms."""
    rows: list[Row] = [({"arm": "a", "level": level}, 0, 10.0 * level) for level in (0, 1, 2)]
    rows += [({"arm": "b", "level": level}, 0, 10.0 * level + 1) for level in (1, 2, 3)]
    answer = ask(AB, *rows)
    assert answer.difference is not None
    assert answer.difference.mean == 1.0
    assert answer.dropped == ('arm="a",level=0', 'arm="b",level=3')


def test_an_arm_without_the_factor_is_compared_with_the_mean_over_it() -> None:
    rows: list[Row] = [({"arm": "a"}, seed, 1.0) for seed in (0, 1)]
    rows += [({"arm": "b", "level": level}, seed, 2.0 + level + seed) for level in (1, 3) for seed in (0, 1)]
    answer = ask(AB, *rows)
    assert answer.difference is not None
    assert answer.difference.mean == pytest.approx(3.5)  # (2+2)−1 with seed 0, (2+2+1)−1 with seed 1
    assert (answer.seeds, answer.dropped) == ((0, 1), ())


def test_a_seed_that_lacks_one_cell_is_no_repetition_of_the_others() -> None:
    rows: list[Row] = [({"arm": "a"}, seed, 1.0) for seed in (0, 1)]
    rows += [({"arm": "b", "level": level}, seed, 2.0) for level in (1, 3) for seed in (0, 1)]
    broken = [(factors, seed, None if (factors.get("level"), seed) == (3, 1) else loss) for factors, seed, loss in rows]
    answer = ask(AB, *broken)
    assert (answer.seeds, answer.left_out, answer.dropped) == ((0,), (1,), ())


def test_a_cell_that_failed_with_every_seed_is_named_and_the_rest_is_compared() -> None:
    rows: list[Row] = [({"arm": "a"}, seed, 1.0) for seed in (0, 1, 2)]
    rows += [({"arm": "b", "level": 1}, seed, 2.0 + 0.1 * seed) for seed in (0, 1, 2)]
    rows += [({"arm": "b", "level": 3}, seed, None) for seed in (0, 1, 2)]
    answer = ask(AB, *rows)
    assert (answer.seeds, answer.dropped) == ((0, 1, 2), ('arm="b",level=3',))
    assert "arm=b level=3" in " ".join(answers_table([answer], [FIGURE]).notes)


def test_a_slope_is_that_of_each_seed() -> None:
    def rows(slope: float, start: float, seed: int) -> list[Row]:
        return [({"level": level}, seed, start + slope * level) for level in (0, 10, 30)]

    question = Slope(key="s", text="Does it rise?", figure="loss", better=Direction.LOWER, along="level")
    answer = ask(question, *rows(2.0, 0, 0), *rows(3.0, 50, 1), *rows(4.0, -9, 2))
    assert answer.difference is not None
    assert answer.difference.mean == pytest.approx(3.0)
    assert answer.difference.half_width == pytest.approx(4.302653 / 3**0.5, rel=1e-6)  # s = 1, n = 3
    assert answer.verdict is Verdict.WORSE
    missing: list[Row] = [*rows(2.0, 0, 0)[:2], ({"level": 30}, 0, None)]
    assert ask(question, *missing, *rows(3.0, 50, 1), *rows(4.0, -9, 2)).seeds == (1, 2)


def test_a_slope_can_be_compared_with_another() -> None:
    rows: list[Row] = [
        ({"arm": name, "level": level}, seed, slope * level + seed)
        for name, slope in (("a", 1.0), ("b", 3.0))
        for level in (0, 1)
        for seed in (0, 1)
    ]
    question = Slope(
        key="s", text="Steeper?", figure="loss", better=Direction.LOWER, along="level", of={"arm": "b"},
        minus={"arm": "a"},
    )  # fmt: skip
    answer = ask(question, *rows)
    assert answer.difference is not None
    assert (answer.difference.mean, answer.exact) == (2.0, True)


def test_more_questions_ask_for_stronger_evidence() -> None:
    rows = [*arm("a", 1.00, 1.01, 1.02), *arm("b", 0.98, 0.995, 0.995), *arm("c", 1.0, 1.02, 1.01), *arm("d", 2, 1, 3)]
    others = [contrast({"arm": "c"}, {"arm": "a"}), contrast({"arm": "d"}, {"arm": "a"})]
    (alone,) = answer_all([AB], results(*rows))
    among = answer_all([AB, *others], results(*rows))[0]
    assert alone.p is not None
    assert among.p == pytest.approx(3 * alone.p)
    assert (alone.verdict, among.verdict) == (Verdict.BETTER, Verdict.INCONCLUSIVE)
    assert alone.smallest is not None
    assert among.smallest is not None
    assert among.smallest > alone.smallest


def test_a_question_that_cannot_be_answered_does_not_make_the_others_harder() -> None:
    rows = [*arm("a", 1.00, 1.01, 1.02), *arm("b", 0.98, 0.995, 0.995)]
    nobody = contrast({"arm": "nobody"}, {"arm": "a"})
    alone, _ = answer_all([AB, nobody], results(*rows))
    assert alone == answer_all([AB], results(*rows))[0]


def test_the_exact_test_is_used_where_it_is_asked_for() -> None:
    question = contrast({"arm": "b"}, {"arm": "a"}, test=PairedTest.SIGN_FLIPS)
    rows = [*arm("a", 1.0, 2.0, 3.0, 4.0), *arm("b", 0.9, 1.91, 2.9, 3.89)]
    answer = ask(question, *rows)
    assert answer.p == answer.p_flips == pytest.approx(2 / 2**4)
    assert (answer.verdict, answer.smallest) == (Verdict.INCONCLUSIVE, None), "four seeds can show nothing by it"
    assert ask(AB, *rows).p_flips == answer.p_flips


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([*arm("a", 1.0, 2.0, 3.0), *arm("b", 0.9, 1.9, 2.91)], "Better: Loss, arm b minus arm a: -0.10 ± 0.01 nats"),
        ([*arm("a", 1.0, 2.0, 3.0), *arm("b", 3.0, 1.0, 2.0)], "with a probability of 80 %"),
        ([*arm("a", 1.0, 2.0), *arm("b", 0.5, 1.5)], "Every seed gives the same difference"),
        ([*arm("a", 1.0), *arm("b", 0.5)], "One seed has no spread to test"),
        ([*arm("a", None), *arm("b", 0.5)], "Inconclusive: no seed has a figure of every condition"),
    ],
)
def test_an_answer_says_what_it_means(rows: list[Row], words: str) -> None:
    (sentence,) = answer_sentences([ask(AB, *rows)], [FIGURE])
    assert words in sentence


def test_large_figures_that_differ_by_rounding_have_no_spread() -> None:
    rows = [*arm("a", 1e9 + 0.1, 3e9 + 0.1), *arm("b", 1e9 + 0.3, 3e9 + 0.3)]
    assert ask(AB, *rows).exact
    assert not ask(AB, *arm("a", 1.0, 3.0), *arm("b", 1.2, 3.2 + 1e-6)).exact


def test_an_interaction_is_a_difference_of_differences() -> None:
    rows: list[Row] = [
        ({"arm": name, "level": level, "method": method}, seed, base * level + (name == "b") * 7 + seed)
        for name, base in (("a", 1.0), ("b", 3.0))
        for level in (10, 30)
        for method in ("x", "y")
        for seed in (0, 1)
    ]
    question = Interaction(
        key="i", text="More at 30?", figure="loss", better=Direction.LOWER, first={"arm": "a"}, second={"arm": "b"},
        along="level", low=10, high=30,
    )  # fmt: skip
    answer = ask(question, *rows)
    assert answer.difference is not None
    assert answer.difference.mean == 40.0  # (3 − 1)·30 − (3 − 1)·10
    assert (answer.seeds, answer.dropped) == ((0, 1), ())
    broken = [(f, seed, None if (f["arm"], f["level"], seed) == ("b", 10, 1) else loss) for f, seed, loss in rows]
    assert (ask(question, *broken).seeds, ask(question, *broken).left_out) == ((0,), (1,))
    (row,) = answers_table([answer], [FIGURE]).shown()
    assert row[2] == "(arm b minus arm a) at level 30 minus the same at level 10"


def test_a_logarithm_compares_ratios() -> None:
    question = contrast({"arm": "b"}, {"arm": "a"}, logarithm=True)
    answer = ask(question, *arm("a", 1.0, 10.0, 100.0, 0.0), *arm("b", 2.0, 20.0, 200.0, 5.0))
    assert answer.difference is not None
    assert answer.difference.mean == pytest.approx(math.log(2))
    assert (answer.seeds, answer.left_out, answer.exact) == ((0, 1, 2), (3,), True)
    (row,) = answers_table([answer], [FIGURE]).shown()
    assert (row[1], row[4]) == ("ln Loss", "0.6931 ± 0.0000")


def combination(*terms: tuple[float, str]) -> Combination:
    fields = {"key": "q", "text": "Is it?", "figure": "loss", "better": Direction.LOWER}
    return Combination.model_validate({**fields, "terms": [{"weight": w, "of": {"arm": name}} for w, name in terms]})


def test_a_combination_is_a_weighted_sum_by_seed_and_lacks_a_seed_that_lacks_a_part() -> None:
    question = combination((1, "both"), (-1, "a"), (-1, "b"), (1, "none"))
    rows = (*arm("none", 1, 2, 3, 4), *arm("a", 2, 3, 4, 5), *arm("b", 3, 4, 5, None))
    answer = ask(question, *rows, *arm("both", 7.0, 8.1, 9.2, 10.0))
    assert answer.difference is not None
    assert answer.difference.mean == pytest.approx((3 + 3.1 + 3.2) / 3)
    assert (answer.seeds, answer.left_out, answer.verdict) == ((0, 1, 2), (3,), Verdict.WORSE)
    (sentence,) = answer_sentences([answer], [FIGURE])
    assert "Loss, arm both minus arm a minus arm b plus arm none: 3.10" in sentence


def test_the_weights_of_a_combination_add_up_to_zero() -> None:
    with pytest.raises(ValueError, match=r"the weights add up to 0; received \[1\.0, -0\.5\]"):
        combination((1, "a"), (-0.5, "b"))
