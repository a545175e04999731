"""The study of a script on the floor of all studies."""

from collections.abc import Mapping
from pathlib import Path

from ablations.code.source.annotations import components_of
from ablations.code.study.figures import reported_figures
from ablations.code.study.interactions import interactions_table
from ablations.code.study.options import CodeOptions
from ablations.code.study.questions import questions
from ablations.code.study.variants import VARIANT, conditions, variants
from ablations.code.summary.outline import Outline
from ablations.floor.condition import Condition
from ablations.floor.figure import Figure
from ablations.floor.figure_plot import FigurePlot
from ablations.floor.journal import Journal
from ablations.floor.questions import Question
from ablations.floor.report import Extras, Report, Section
from ablations.floor.results import Results
from ablations.floor.study import MeasureContext, PrepareContext, Study


class CodeStudy(Study[CodeOptions]):
    """Components of a script, each taken away by a patch that an LLM or a rule writes, and that is proved."""

    name = "code"
    question = "What do the components of a script contribute?"
    options = CodeOptions

    def figures(self, options: CodeOptions) -> tuple[Figure, ...]:
        """Return what the script reports of a whole run."""
        return tuple(each.figure for each in reported_figures(options))

    def conditions(self, options: CodeOptions) -> tuple[Condition, ...]:
        """Return every variant with every seed."""
        return conditions(options)

    def questions(self, options: CodeOptions) -> tuple[Question, ...]:
        """Return one question per component, and one per pair if they are asked for."""
        return questions(options)

    def check(self, options: CodeOptions) -> None:
        """Open the sandbox, and connect the model without asking it anything.

        Raises:
            CodeStudyError: The sandbox cannot be had, or the scripts cannot be studied.
            LLMError: The model is not known, or its key is missing.
        """
        from ablations.code.study.places import bench_of, connected

        reported_figures(options)
        bench_of(options)
        if options.llm is not None:
            connected(options, {}).close()

    def prepare(self, options: CodeOptions, journal: Journal, context: PrepareContext) -> None:
        """Run the original with every seed, and let the patches be written."""
        from ablations.code.study.preparing import prepare

        prepare(options, journal, context)

    def measure(self, options: CodeOptions, condition: Condition, context: MeasureContext) -> Mapping[str, float]:
        """Run a variant, and return what it reported if all gates accept it.

        Raises:
            CodeStudyError: It has no patch, or is invalid; the message says why.
        """
        from ablations.code.study.places import bench_of
        from ablations.code.study.trial import Trial

        variant = str(condition.factors[VARIANT])
        bench, without = bench_of(options), variants(options)[variant]
        trial = Trial(bench, context.prepared, variant, without, condition.seed, context.artifacts)
        found = trial.figures()
        return {each.figure.key: found[each.name] for each in reported_figures(options) if each.name in found}

    def conclude(self, options: CodeOptions, report: Report, journal: Journal, context: PrepareContext) -> None:
        """Let the model analyse the report, once, if that was asked for."""
        if options.analysis:
            from ablations.code.analysing.analyst import analyse
            from ablations.code.study.places import connected

            with connected(options, journal.entries()) as client:
                analyse(client, report, journal, context.artifacts, context.say)

    def plots(self, options: CodeOptions) -> tuple[FigurePlot, ...]:
        """Return one plot per figure, across the variants."""
        return tuple(FigurePlot(figure=figure.key, across=VARIANT) for figure in self.figures(options))

    def extras(self, options: CodeOptions, results: Results, artifacts: Path) -> Extras:
        """Return what the summary tells, the interactions of pairs, and who wrote the patches where."""
        from ablations.code.summary.extras import extras_of

        told = extras_of(_outline(self, options), results, artifacts, results.prepared)
        more = (interactions_table(options, results),) if options.interactions else ()
        return Extras((*told.tables, *more), told.draw, (_how(options), *told.sections))


def _outline(study: CodeStudy, options: CodeOptions) -> Outline:
    """What the summary has to know, the marked components that were not asked for included."""
    documents, chosen = options.documents, options.material.components
    known = {component.name for component in chosen}
    others = tuple(component for component in components_of(documents) if component.name not in known)
    left_out = {component.name: "it was not asked for" for component in others}
    return Outline(
        documents, (*chosen, *others), study.figures(options), study.questions(options), VARIANT, left_out=left_out
    )


def _how(options: CodeOptions) -> Section:
    who = f"by {options.llm}" if options.llm is not None else "by rule, without a language model"
    where = (
        "Nothing isolated the runs: they had the rights of the user, and could have changed anything, their own record "
        "included. None of the figures is proved."
        if options.sandbox == "none"
        else "Every run was in a sandbox."
    )
    done = f"The patches were written {who}. A figure counts only if all gates accept its run. {where}"
    return Section("How the components were taken away", (done,))
