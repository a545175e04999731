"""The verb `ablate code run`: the whole study of a script, from its plan to its page."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ablations.code.source.errors import CallError, CodeStudyError
from ablations.code.study.options import CodeOptions
from ablations.floor.running.place import Place
from cli.ablate.code.options import ModelOption, VendorOption, say_skipped
from cli.console import say
from cli.option_types import ConfigOption, JsonTablesOption
from cli.options import options_of
from cli.studying import OnlyReportOption, OutputOption, RetryOption, run_study
from ground.counting import counted

if TYPE_CHECKING:
    from ablations.code.source.annotations import Component

_SHARED = tuple(name for name in CodeOptions.model_fields if name not in ("source", "scripts"))
_DECLINED = 1


@options_of(CodeOptions, *_SHARED)
@options_of(Place)
def command(
    files: Annotated[
        list[Path] | None, typer.Argument(help="The script, and the files and folders that belong to it.")
    ] = None,
    output: OutputOption = Path("ablation-code"),
    vendor: VendorOption = None,
    model: ModelOption = None,
    without_llm: Annotated[
        bool, typer.Option("--without-llm", help="Ask no model: patches by rule, as without --llm.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Approve the plan without being asked.")] = False,
    only_report: OnlyReportOption = False,
    retry_failed: RetryOption = False,
    config: ConfigOption = None,
    as_json: JsonTablesOption = False,
    **given: Any,
) -> None:
    """Take every component of a script away, prove that it is gone, and measure what it contributed.

    The components are those that are marked, or those named by --layers, --zero and --features. The same command goes
    on where it was interrupted: nothing is paid for or measured twice.
    """
    from ablations.code.study.study import CodeStudy
    from search.setup.fields import read_fields

    if only_report:
        run_study(CodeStudy(), output, {}, only_report=True, as_json=as_json)
        return
    named = {name: value for name, value in given.items() if value is not None}
    asked = {**(read_fields(config) if config else {}), **named}
    asked["llm"] = _model(asked.get("llm"), vendor, model, without_llm=without_llm)
    asked["source"] = _source(files or [])
    _approve(asked, yes=yes, quiet=as_json)
    run_study(CodeStudy(), output, asked, retry_failed=retry_failed, as_json=as_json)


def _model(llm: str | None, vendor: str | None, model: str | None, *, without_llm: bool) -> str | None:
    from ablations.code.asking.models import model_name

    if llm is None and vendor is None and model is None:
        return None
    name = model_name(llm, vendor, model)
    if without_llm:
        raise CallError(f"--without-llm and the model {name} contradict each other: leave one of them out.")
    return name


def _source(files: list[Path]) -> dict[str, str]:
    from ablations.code.source.reading import read_documents

    documents = read_documents(files)
    say_skipped(documents)
    return dict(documents.texts)


def _approve(asked: dict[str, Any], *, yes: bool, quiet: bool) -> None:
    """Show the plan, and begin only if the user says so."""
    from ablations.code.study.study import CodeStudy
    from ablations.floor.options import make_options

    study = CodeStudy()
    of_study = {name: value for name, value in asked.items() if name not in Place.model_fields}
    options = make_options(CodeOptions, of_study)
    study.figures(options)
    if not quiet:
        _show_plan(options, options.material.components, len(study.conditions(options)))
    if yes:
        return
    if quiet or not is_asked_on_a_terminal():
        raise CodeStudyError(
            "The plan has to be approved, and there is no terminal to ask on: look at it with `ablate code plan`, and "
            "give --yes."
        )
    if not typer.confirm("Run this?", default=False):
        say("Nothing was run.")
        raise typer.Exit(_DECLINED)


def is_asked_on_a_terminal() -> bool:
    """Return whether there is somebody to ask."""
    return sys.stdin.isatty()


def _show_plan(options: CodeOptions, components: "tuple[Component, ...]", conditions: int) -> None:
    from cli.ablate.code.planning import estimate_of, say_cost, show_components

    show_components(components)
    if options.llm is None:
        say("No model is asked: the patches are written by rule.")
    else:
        estimate = estimate_of(
            options.documents,
            components,
            options.llm,
            options.prices,
            attempts=options.attempts,
            max_tokens=options.max_tokens,
        )
        say_cost(estimate, options.llm, options.attempts)
    if options.analysis:
        say("With --analysis one further call reads the finished tables, beyond this estimate and within --max-cost.")
    say(
        f"{conditions} conditions: the original, the null ablation and every variant, "
        f"with {counted(options.seeds, 'seed')} each; "
        f"{options.material.script} {options.arguments}; sandbox {options.sandbox}"
    )
