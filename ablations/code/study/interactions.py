"""The table of main effects and interactions, by 2-level factorial designs of all pairs."""

from ablations.code.direct.factorial import Cell, Effect, interactions
from ablations.code.study.figures import reported_figures
from ablations.code.study.options import CodeOptions
from ablations.code.study.variants import VARIANT, variants
from ablations.code.trials.baselines import NULL
from ablations.floor.figure import Figure
from ablations.floor.results import Results
from ablations.floor.statistics import Estimate
from ablations.floor.table import Column, Scaled, Table, Value


def interactions_table(options: CodeOptions, results: Results) -> Table:
    """Return the table with three rows for each pair of which every cell was measured with the same seeds."""
    figure = reported_figures(options)[0].figure
    names = [component.name for component in options.material.components]
    cells = {frozenset(without): name for name, without in variants(options).items() if name != NULL}
    rows: list[tuple[Value, ...]] = []
    left_out = 0
    for number, first in enumerate(names):
        for second in names[number + 1 :]:
            pair = (first, second)
            values = _values(pair, cells, results, figure.key)
            if values is None:
                left_out += 1
                continue
            (effects,) = interactions(pair, values)
            for kind, effect in (
                ("main effect", effects.first),
                ("main effect", effects.second),
                ("interaction", effects.interaction),
            ):
                rows.append((" + ".join(pair), kind, " x ".join(effect.components), *_row(effect, figure)))
    return Table(
        key="interactions",
        title=f"Main effects and interactions of pairs on {figure.title}, for taking away: mean ± 95 % t-interval",
        columns=(
            *(Column("pair", "Pair"), Column("kind", "Effect"), Column("of", "Of")),
            *(Column("seeds", "n"), Column("effect", figure.title), Column("p", "p, uncorrected", digits=4)),
        ),
        rows=tuple(rows),
        notes=(
            "An interaction of 0 says that losing both costs what losing each costs, added up.",
            *([f"{left_out} pairs are left out: a cell has no seed that all four have."] if left_out else []),
        ),
    )


def _row(effect: Effect, figure: Figure) -> tuple[Value, ...]:
    found = Estimate(effect.mean, effect.low, effect.high, effect.seeds)
    return (effect.seeds, Scaled(found, figure.column), effect.p_value)


def _values(
    pair: tuple[str, str], cells: dict[Cell, str], results: Results, figure: str
) -> dict[Cell, list[float]] | None:
    """The figures of the four cells, of the seeds that all of them have; None if there is none."""
    wanted: list[Cell] = [frozenset(), frozenset(pair[:1]), frozenset(pair[1:]), frozenset(pair)]
    by_seed = {
        cell: {
            outcome.condition.seed: outcome.figures[figure]
            for outcome in results.where({VARIANT: cells[cell]}).outcomes
            if outcome.figures is not None and figure in outcome.figures
        }
        for cell in wanted
    }
    seeds = sorted(set.intersection(*(set(values) for values in by_seed.values())))
    return {cell: [by_seed[cell][seed] for seed in seeds] for cell in wanted} if seeds else None
