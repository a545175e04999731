"""Each gate on the facts of runs, with facts written by hand."""

from dataclasses import replace

import pytest

from ablations.code.gates.case import Runs
from ablations.code.gates.registry import GATES, judge
from ablations.code.running.facts import Ended, ModuleFacts, Reported, RunFacts
from tests.ablations.code.scripts import HINT, NORM, NORM_GONE, RELU, WIDTH, case


def module(path: str, kind: str, parameters: int = 0, calls: int = 6) -> ModuleFacts:
    return ModuleFacts(path=path, kind=kind, parameters=parameters, calls=calls)


FIRST, LEFT, RIGHT = (module(name, "Linear", 20) for name in ("first", "left", "right"))
NORM_MODULE = module("norm", "LayerNorm", 8)
NET = module("", "Net")
ORIGINAL = RunFacts(
    ended=Ended.RETURNED,
    reports=(Reported(name="loss", value=0.5),),
    seeds=("torch.manual_seed(0)",),
    modules=(NET, FIRST, NORM_MODULE, LEFT, RIGHT),
    steps=4,
    columns=4,
    trained=8,
    evaluated=2,
    shared=0,
)
ABLATED = ORIGINAL.model_copy(
    update={
        "reports": (Reported(name="loss", value=0.7),),
        "modules": (NET, FIRST, module("norm", "Identity"), LEFT, RIGHT),
    }
)
GOOD = Runs(ORIGINAL, ORIGINAL, ABLATED)


def ablated(**changes: object) -> Runs:
    """Runs of which the ablated one differs in some facts."""
    return replace(GOOD, ablated=ABLATED.model_copy(update=changes))


def test_an_ablation_is_accepted_when_all_gates_accept_its_source_and_its_runs() -> None:
    ruling = judge(case(NORM, NORM_GONE, runs=GOOD))
    assert ruling.accepted
    assert [verdict.gate for verdict in ruling.of_runs] == [gate.name for gate in GATES]


def test_a_curve_is_reported_step_by_step() -> None:
    assert judge(case(NORM, NORM_GONE, runs=CURVE)).accepted


def test_runs_are_not_asked_about_where_the_source_is_refused() -> None:
    ruling = judge(case(NORM, NORM_GONE, ("square()", "abs()"), runs=GOOD))
    assert ruling.of_runs == ()
    assert not ruling.accepted


def curve(run: RunFacts, values: tuple[float, ...], steps: tuple[int, ...]) -> RunFacts:
    points = [Reported(name="loss", value=value, step=step) for value, step in zip(values, steps, strict=True)]
    return run.model_copy(update={"reports": tuple(points)})


CURVED = curve(ORIGINAL, (0.3, 0.2, 0.1), (1, 2, 3))
CURVE = Runs(CURVED, CURVED, curve(ABLATED, (0.4, 0.3, 0.2), (1, 2, 3)))
CURVE_CUT = replace(CURVE, ablated=curve(ABLATED, (0.4, 0.3), (1, 2)))
CURVE_MIXED = replace(CURVE, ablated=curve(ABLATED, (0.4, 0.3, 0.2), (1, 3, 2)))
NULL = ORIGINAL.model_copy(update={"reports": (Reported(name="loss", value=0.5000001),)})
RAISED = ABLATED.model_copy(update={"ended": Ended.RAISED, "detail": "ValueError: no"})


@pytest.mark.parametrize(
    ("gate", "runs", "words"),
    [
        ("null", replace(GOOD, null=NULL), "loss is 0.5 in the original and 0.5000001 in the null ablation"),
        (
            "null",
            replace(GOOD, null=NULL.model_copy(update={"reports": ()})),
            "the null ablation 0 values (of nothing)",
        ),
        ("exits", replace(GOOD, ablated=RAISED), "the ablated script did not run to its end: raised (ValueError: no)"),
        ("exits", replace(GOOD, original=RAISED, null=RAISED), "the original did not run to its end"),
        ("exits", ablated(ended=Ended.EXITED), "the ablated script did not run to its end: exited"),
        ("exits", ablated(ended=Ended.LOST, detail="exit code 0"), "lost (exit code 0)"),
        ("metric", ablated(reports=()), "the ablated script did not report loss"),
        ("metric", ablated(reports=ABLATED.reports * 2), "the ablated script also reported loss"),
        ("metric", ablated(reports=(Reported(name="f1", value=0.7),)), "reported loss, and the ablated script f1"),
        ("metric", CURVE_CUT, "the ablated script did not report loss at step 3"),
        ("metric", CURVE_MIXED, "the ablated script reported its figures in another order"),
        ("null", replace(CURVE, null=CURVE.ablated), "loss at step 1 is 0.3 in the original and 0.4 in the null"),
        ("computed", ablated(reports=(Reported(name="loss", value=float("nan")),)), "loss is nan"),
        ("computed", ablated(steps=3), "trained 3 steps, and the original 4"),
        ("seed", ablated(seeds=("torch.manual_seed(1)",)), "the ablated script by torch.manual_seed(1)"),
        ("seed", ablated(seeds=()), "the ablated script by nothing"),
        ("split", ablated(shared=1), "1 rows both train and are evaluated, and 0 did in the original"),
        ("split", ablated(evaluated=1), "1 different rows were evaluated, and 2 in the original"),
        ("split", ablated(trained=10), "10 different rows were used for training, and 8 in the original"),
        ("gone", replace(GOOD, ablated=ORIGINAL), "the run shows no difference"),
        ("gone", ablated(modules=ORIGINAL.modules), "the module norm (LayerNorm) is still there, with 8 parameters"),
        ("gone", ablated(modules=(*ABLATED.modules, module("extra", "Conv2d", 9))), "a new Conv2d with 9 parameters"),
    ],
)
def test_a_gate_refuses_a_run_and_says_why(gate: str, runs: Runs, words: str) -> None:
    ruling = judge(case(NORM, NORM_GONE, runs=runs))
    reasons = {verdict.gate: verdict.reason for verdict in ruling.refusals}
    assert words in reasons[gate]
    assert not ruling.accepted


def test_a_layer_may_be_smaller_only_where_the_data_has_fewer_columns() -> None:
    modules = (NET, module("first", "Linear", 16), NORM_MODULE, LEFT, RIGHT)
    gone = case(WIDTH, ('    "width",  #ABLATABLE_COMPONENT\n', ""), runs=ablated(modules=modules, columns=3))
    assert judge(gone).accepted
    for changes in (
        {"columns": 4},
        {"columns": 3, "modules": (*modules[:1], module("first", "Linear", 24), *modules[2:])},
    ):
        refused = case(
            WIDTH, ('    "width",  #ABLATABLE_COMPONENT\n', ""), runs=ablated(**{"modules": modules, **changes})
        )
        assert "the model has a new Linear" in judge(refused).reason


def test_a_script_may_leave_as_the_original_leaves() -> None:
    left = {"ended": Ended.EXITED}
    original = ORIGINAL.model_copy(update=left)
    assert judge(case(NORM, NORM_GONE, runs=Runs(original, original, ABLATED.model_copy(update=left)))).accepted


def test_a_module_that_the_component_called_has_to_be_called_less_often() -> None:
    called = case(RELU, ("torch.relu(x)  #ABLATABLE_COMPONENT", "x"), runs=ablated(modules=ORIGINAL.modules))
    assert judge(called).accepted, "a function is no module"


def test_of_a_hint_it_is_enough_that_one_part_is_gone() -> None:
    modules = (NET, FIRST, NORM_MODULE, module("left", "Identity"), RIGHT)
    edit = ("self.left = nn.Linear(4, 4)", "self.left = nn.Identity()")
    assert judge(case(HINT, edit, runs=ablated(modules=modules))).accepted
