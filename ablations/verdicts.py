"""What a comparison of arms shows, in one sentence per question: what its page opens with."""

from collections.abc import Iterator, Sequence

from ablations.floor.questions import Verdict
from ablations.floor.table import Column
from ablations.ranking import Arm, Cell, Pair, RankedArms, Standing
from ground.counting import counted
from search.outcome.formats import macs_text

_ACCURACY = Column("accuracy", "Test accuracy", "%", scale=100, digits=2)
_POINTS = Column("difference", "Difference", "points", scale=100, digits=2)
_TEST = "paired t-test after Holm's correction"


def best_arms(arms: RankedArms) -> Iterator[str]:
    """Yield for each cell which arm gives the best model, and against which others that is shown."""
    for cell in _cells(arms):
        ranked = _ranked(arms, cell)
        if not ranked:
            only = [standing.arm.label for standing in arms.standings if standing.cell == cell]
            yield (
                f"{_where(cell)}: only {only[0]} was run, so there is nothing to compare it with."
                if len(only) == 1
                else f"{_where(cell)}: no answer, because its runs differ in more than the arm."
            )
            continue
        yield f"{_where(cell)}: {_best(ranked, arms.pairs)}"


def best_llms(arms: RankedArms) -> Iterator[str]:
    """Yield for each cell which LLM proposes best, and whether it is any better than the best classical arm."""
    for cell in _cells(arms):
        ranked = _ranked(arms, cell)
        asking = [standing for standing in ranked if standing.arm.llm is not None]
        classical = [standing for standing in ranked if standing.arm.llm is None]
        if len(asking) > 1:
            yield f"{_where(cell)}, which LLM: {_best(asking, arms.pairs)}"
        elif ranked:
            yield f"{_where(cell)}: {f'only {asking[0].arm.label} asks an LLM' if asking else 'no arm asks an LLM'}."
        if asking and classical:
            yield f"{_where(cell)}, LLM or classical search: {_against(asking[0], classical[0], arms.pairs)}"


def _cells(arms: RankedArms) -> list[Cell]:
    return list(dict.fromkeys(standing.cell for standing in arms.standings))


def _ranked(arms: RankedArms, cell: Cell) -> list[Standing]:
    return [standing for standing in arms.standings if standing.cell == cell and standing.rank is not None]


def _where(cell: Cell) -> str:
    return f"{cell.model} on {cell.dataset} at {macs_text(cell.target_macs)}"


def _best(standings: Sequence[Standing], pairs: Sequence[Pair]) -> str:
    """Say who is first among these, which are in the order of their ranks, and what is shown of that."""
    first, *others = standings
    level = [other.arm.label for other in others if other.rank == first.rank]
    lead = f"{_listed([first.arm.label, *level])} {'share' if level else 'has'} the best mean test accuracy"
    beaten = [other.arm.label for other in others if _verdict(first.arm, other.arm, pairs) is Verdict.BETTER]
    open_ = [other.arm.label for other in others if other.arm.label not in (*beaten, *level)]
    shown = [f"it is better than {_listed(beaten)} ({_TEST})"] if beaten else []
    shown += [f"no difference is shown to {_listed(open_)}"] if open_ else []
    mean = _ACCURACY.show(first.mean("accuracy"))
    return f"{'; '.join([f'{lead}, {mean} %', *shown])}."


def _against(asking: Standing, classical: Standing, pairs: Sequence[Pair]) -> str:
    verdict = _verdict(asking.arm, classical.arm, pairs)
    names = f"{asking.arm.label}, the best LLM arm, and {classical.arm.label}, the best classical one"
    pair = _pair(asking.arm, classical.arm, pairs)
    if pair is None or verdict is None:
        return f"{names}, share no seed."
    order = f"{pair.second.label} minus {pair.first.label}, {counted(len(pair.seeds), 'seed')}"
    points = f"{_POINTS.show(pair.difference)} points ({order})"
    match verdict:
        case Verdict.INCONCLUSIVE:
            return f"no difference is shown between {names}: {points}."
        case _:
            return (
                f"{asking.arm.label} is {verdict.value} than {classical.arm.label}, the best classical arm: {points}."
            )


def _verdict(arm: Arm, other: Arm, pairs: Sequence[Pair]) -> Verdict | None:
    """Return what is shown of the first arm beside the other; None where they share no seed."""
    pair = _pair(arm, other, pairs)
    if pair is None or pair.second == arm:
        return None if pair is None else pair.verdict
    return _TURNED.get(pair.verdict, pair.verdict)


_TURNED = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}


def _pair(arm: Arm, other: Arm, pairs: Sequence[Pair]) -> Pair | None:
    return next((pair for pair in pairs if {pair.first, pair.second} == {arm, other}), None)


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
