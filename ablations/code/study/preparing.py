"""The preparation: the original and the null ablation with every seed, then a patch for each component."""

from functools import partial

from ablations.code.study.options import CodeOptions
from ablations.code.study.places import bench_of, writer_of
from ablations.code.trials.at_once import all_done
from ablations.code.trials.baselines import run_baselines, usable_seed
from ablations.code.writing.loop import Writing
from ablations.floor.journal import Journal
from ablations.floor.study import PrepareContext


def prepare(options: CodeOptions, journal: Journal, context: PrepareContext) -> None:
    """Do what the journal does not hold yet.

    Raises:
        CodeStudyError: The script cannot be studied, or no model answers.
    """
    bench = bench_of(options)
    run_baselines(bench, options.all_seeds, journal, context, options.at_once)
    seed = usable_seed(bench, options.all_seeds, journal.entries())
    with writer_of(options, journal) as writer:
        writing = Writing(bench, writer, seed, journal, context.say)
        steps = [partial(writing.write, component) for component in bench.material.components]
        all_done(steps, options.at_once, context.check)
