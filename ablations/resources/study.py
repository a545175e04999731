"""The resource study on the floor of all studies: its arms, its preparation, and its report."""

from collections.abc import Mapping
from pathlib import Path

from ablations.floor.condition import Condition
from ablations.floor.figure import Figure
from ablations.floor.figure_plot import FigurePlot
from ablations.floor.journal import Facts, Journal
from ablations.floor.questions import Question
from ablations.floor.report import Extras
from ablations.floor.results import Results
from ablations.floor.study import MeasureContext, PrepareContext, Study
from ablations.resources.about import about
from ablations.resources.arms.outcomes import Outcomes, outcomes_of
from ablations.resources.figures import FIGURES, figures_of, series_of
from ablations.resources.options import ResourcesOptions
from ablations.resources.working.records import TASKS, attempts_in, problems_in
from tracking.study_payloads import series_key


class ResourcesStudy(Study[ResourcesOptions]):
    """A large language model once against smaller ones with branching, judged in the sandbox.

    A condition is an arm over all tasks: the tasks are the sample, so there is one seed, and the study answers its
    questions over tasks, not over seeds.
    """

    name = "resources"
    question = "What do large and small language models cost for the tasks that they solve?"
    options = ResourcesOptions

    def figures(self, options: ResourcesOptions) -> tuple[Figure, ...]:
        """Return the figures of an arm."""
        return FIGURES

    def conditions(self, options: ResourcesOptions) -> tuple[Condition, ...]:
        """Return every arm, with the model that it asks, so that another model under the same name is another one."""
        llms = {model.name: model.llm for model in options.named}
        return tuple(
            Condition(factors={"arm": arm.name, "model": llms[arm.model]}, seed=seed)
            for arm in options.arms
            for seed in options.all_seeds
        )

    def check(self, options: ResourcesOptions) -> None:
        """Read the tasks, connect to the models and open the sandbox: what is not there is said before anything begins.

        Raises:
            TaskError: The tasks cannot be used.
            LLMConfigurationError: A model cannot be connected to.
            SandboxError: No sandbox can be had.
        """
        from ablations.resources.connecting import connected
        from ablations.resources.task_files import tasks_of
        from sandbox.registry import open_sandbox

        with connected(options, tasks_of(options), {}):
            open_sandbox(options.sandbox, allow_none=options.sandbox == "none")

    def prepare(self, options: ResourcesOptions, journal: Journal, context: PrepareContext) -> None:
        """Make all calls and judgements; see `ablations.resources.preparing`."""
        from ablations.resources.preparing import prepare
        from ablations.resources.task_files import tasks_of

        prepare(options, tasks_of(options), journal, context)
        self.keep_series(options, journal)

    def keep_series(self, options: ResourcesOptions, journal: Journal) -> None:
        """Write down the outcome of each task in each arm, which MLflow shows as metrics by the task's place."""
        known, arms = outcomes(options, journal.entries()), {arm.name: arm for arm in options.arms}
        for condition in self.conditions(options):
            key = series_key(condition.key)
            if journal.recall(key) is None:
                journal.record(key, series_of(known, arms[str(condition.factors["arm"])]))

    def measure(self, options: ResourcesOptions, condition: Condition, context: MeasureContext) -> Mapping[str, float]:
        """Return the figures of an arm, from what was prepared."""
        arm = next(arm for arm in options.arms if arm.name == condition.factors["arm"])
        return figures_of(outcomes(options, context.prepared), arm)

    def questions(self, options: ResourcesOptions) -> tuple[Question, ...]:
        """Return none: what this study asks is asked over tasks, and answered among the extras."""
        return ()

    def plots(self, options: ResourcesOptions) -> tuple[FigurePlot, ...]:
        """Return one of the general plots; its own are among the extras."""
        return (FigurePlot(figure="calls", across="arm", caption="Mean calls per task"),)

    def extras(self, options: ResourcesOptions, results: Results, artifacts: Path) -> Extras:
        """Return the four answers, with their tables and plots."""
        from ablations.resources.questions.findings import findings_of
        from ablations.resources.report.drawing import draw_plots
        from ablations.resources.report.long_tables import tasks_table
        from ablations.resources.report.sentences import answers, sections
        from ablations.resources.report.tables import LONG, tables

        known = outcomes(options, results.prepared)
        found = findings_of(
            known, options.reference, seed=options.seed, tolerance=options.tolerance / 100, cost=options.cost
        )
        return Extras(
            (*tables(found), tasks_table(results.prepared.get(TASKS, {}))),
            lambda folder: draw_plots(found, folder),
            sections(about(options, results.prepared)) if results.prepared else (),
            answers(found),
            LONG,
        )


def outcomes(options: ResourcesOptions, entries: Mapping[str, Facts]) -> Outcomes:
    """Return the outcomes of all arms that a journal holds."""
    problems = problems_in(entries)
    return outcomes_of(problems, options.arms, attempts_in(entries, problems))
