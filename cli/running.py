"""Runs a search on the screen: what `search`, `resume` and the studies have in common."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cli.console import say, say_aside, show_table
from cli.pasted import resume_line, sync_line, ui_line
from cli.placing import say_place
from cli.progress import ProgressView
from ground.counting import counted
from search.launching import Launch, begin, remake_outputs, reopen
from search.outcome.formats import macs_text, ms_text, share_text
from search.outcome.report import trial_rows
from search.outcome.sentences import sentences
from search.outcome.summary import LlmSummary, Summary
from search.run import RunOutcome
from search.setup.config import ExecutorName, RunConfig
from tracking.events import Event, payloads_of
from tracking.kinds import RunStatus
from tracking.payloads import FinetuneEpoch, TrialEnded
from tracking.phases import since_winner
from tracking.runs import RunDir

INTERRUPTED = 130
SHOWN_TRIALS = 8
ANY_WIDTHS = (
    "widths can be any number here; on a GPU, multiples of 8 can be faster with the same MACs: --round-to 8 "
    "(docs/latency.md)"
)
"""Said where a GPU is used: on one, a network of half the MACs in odd widths trained slower than the whole one."""


def start_run(config: RunConfig) -> RunOutcome:
    """Run a new search, shown from its beginning to its end."""
    launch = begin(config)
    _say_place(launch)
    say(f"run {launch.folder.run_id}: {config.model} on {config.dataset}, proposed by {describe_arm(config)}")
    _say_base(launch)
    if launch.needs.any_gpu and launch.config.round_to == 1:
        say_aside(ANY_WIDTHS)
    return _execute(launch)


def resume_run(
    folder: RunDir,
    *,
    add_trials: int = 0,
    elsewhere: Mapping[str, Any] | None = None,
    trusted: Collection[str] = (),
) -> RunOutcome:
    """Go on with a run, shown to its end; see `search.launching.reopen`."""
    launch = reopen(folder, add_trials=add_trials, elsewhere=elsewhere, trusted=trusted)
    _say_place(launch)
    more = f", with {add_trials} more trials" if add_trials else ""
    say(f"resuming {folder.run_id} after event {launch.resumed_after}{more}")
    _say_base(launch)
    return _execute(launch)


def remake(folder: RunDir, *, asked: bool) -> RunOutcome | None:
    """Make the outputs of a run again, and show them; None if nothing was missing. See `search.launching`."""
    outcome = remake_outputs(folder, asked=asked)
    if outcome is not None:
        why = "as asked" if asked else "the run is finished, and some of them were missing"
        say(f"outputs of {folder.run_id} were made again from its ledger: {why}")
        _show_result(outcome)
    return outcome


def _say_base(launch: Launch) -> None:
    """Say what a model's name stands for, and how its images are prepared, where that could be something else."""
    if launch.weights is not None:
        say(f"weights  {launch.weights}")
    if launch.images:
        say(f"images   {launch.images}")


def describe_arm(config: RunConfig) -> str:
    """Name the arm and its model, or say that it asks none."""
    return f"{config.arm} ({config.llm})" if config.llm else f"{config.arm} (classical, no LLM)"


def exit_code(outcome: RunOutcome) -> int:
    """What the process exits with after a run: 0, or 130 if the user interrupted it."""
    return INTERRUPTED if outcome.summary.status is RunStatus.INTERRUPTED else 0


def _execute(launch: Launch) -> RunOutcome:
    with ProgressView(launch.config.trials, on_ray=launch.config.executor is ExecutorName.RAY) as view:
        try:
            outcome = launch.execute([view])
        except Exception as error:
            line = resume_line(launch.folder)
            error.add_note(f"The run is kept. Once the cause is fixed, go on with:\n  {line}")
            raise
    _show_result(outcome)
    if outcome.summary.status is RunStatus.INTERRUPTED:
        say(f"Interrupted. {_kept(outcome.events)} Go on with:")
        say(f"  {resume_line(outcome.folder)}")
    return outcome


def _kept(events: Sequence[Event]) -> str:
    trials = len(payloads_of(events, TrialEnded))
    epochs = len({record.epoch for record in payloads_of(since_winner(events), FinetuneEpoch)})
    ended = [
        *([counted(trials, "trial")] if trials else []),
        *([f"{counted(epochs, 'epoch')} of the fine-tune"] if epochs else []),
    ]
    return f"{' and '.join(ended)} had ended, and are not done again." if ended else "No trial had ended."


def _say_place(launch: Launch) -> None:
    if launch.placed_by_variable:
        say_place(None, launch.config.ray_address)
    if launch.needs.any_gpu or launch.config.cluster:
        say_aside(launch.needs.describe())


def _show_result(outcome: RunOutcome) -> None:
    summary, folder = outcome.summary, outcome.folder
    _show_trials(outcome.events)
    if summary.baseline and summary.winner:
        _show_models(summary)
    if summary.explanation and summary.winner:
        for number, reason in enumerate(sentences(summary.explanation, summary.winner)):
            say(f"{'' if number else 'why':<8} {reason}")
    if summary.llm_use:
        _say_use(summary.llm_use)
    for failed in outcome.failed_outputs:
        say(f"not written: {failed}. Once the cause is fixed, make it again with:")
        say(f"  {resume_line(folder)} --outputs")
    say(f"summary  {folder.summary}")
    say(f"report   {folder.report}")
    if summary.winner and summary.winner.accuracy is not None:
        say(f"model    {folder.model}")
    if summary.mlflow:
        say(f"MLflow   {ui_line(summary.mlflow.tracking_uri)}", pasted=True)
    _say_doubts(outcome)


def _say_doubts(outcome: RunOutcome) -> None:
    """The last lines: what is not as it should be."""
    summary, folder = outcome.summary, outcome.folder
    if summary.ended_early and summary.status is not RunStatus.INTERRUPTED:
        say(f"stopped  The search ended after {counted(summary.trials.proposed, 'trial')}: {summary.ended_early}")
    for warning in summary.warnings:
        say(f"warning  {warning}")
    if not outcome.in_sync:
        say(f"MLflow does not hold all of this run ({outcome.sync_reason}). Catch up with:")
        say(f"  {sync_line(folder)}")


def _say_use(use: LlmSummary) -> None:
    read, wrote = use.input_tokens, use.output_tokens
    tokens = "tokens not reported" if read is None or wrote is None else f"{read:,} tokens read, {wrote:,} written"
    cost = "cost unknown" if use.cost_usd is None else f"${use.cost_usd:.4f}"
    wrong = ("parse_errors", "schema_errors", "out_of_range", "duplicates", "incoherent")
    faults = [f"{use.quality[name]} {name.replace('_', ' ')}" for name in wrong if use.quality and use.quality[name]]
    say(f"LLM      {counted(use.calls, 'call')}: {', '.join([tokens, cost, *faults])}")


def _show_trials(events: Sequence[Event]) -> None:
    rows = trial_rows(events)
    if not rows:
        return
    shown = rows[:SHOWN_TRIALS]
    show_table(
        f"The best {len(shown)} of {counted(len(rows), 'trial')}",
        ("trial", "proposer", "idea", "MACs", "holdout", "state"),
        [
            (
                str(row.spec.trial),
                row.spec.proposer,
                row.spec.rationale,
                f"{row.spec.macs:,}",
                share_text(row.end.accuracy if row.end else None),
                row.state,
            )
            for row in shown
        ],
        text=("proposer", "idea", "state"),
        winner=next((index for index, row in enumerate(shown) if row.is_winner), -1),
    )


def _show_models(summary: Summary) -> None:
    base, winner = summary.baseline, summary.winner
    assert base is not None, "a winner has a base"
    assert winner is not None
    show_table(
        "Base and winner",
        ("model", "MACs", "params", "test accuracy", "latency"),
        [
            ("base", f"{base.macs:,}", f"{base.params:,}", share_text(base.accuracy), ms_text(base.latency_ms)),
            (
                f"winner (trial {winner.trial}, {winner.proposer})",
                f"{winner.macs:,}",
                f"{winner.params:,}",
                share_text(winner.accuracy),
                ms_text(winner.latency_ms),
            ),
            ("share of the base", f"{winner.macs / base.macs:.2%}", f"{winner.params / base.params:.2%}", "", ""),
        ],
        text=("model",),
        winner=1,
    )
    if summary.target_macs:
        used = f"{winner.macs / summary.target_macs:.3%}"
        say(f"budget   {macs_text(summary.target_macs)} ({summary.target_macs:,}), {used} of it used")
