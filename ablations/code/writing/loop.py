"""The loop of one component: propose, judge the source, run once, judge the run, and tell the writer what was wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count

from ablations.code.asking.prompts import Failure
from ablations.code.gates.case import Case, Runs
from ablations.code.gates.registry import judge
from ablations.code.source.annotations import Component
from ablations.code.source.documents import Documents
from ablations.code.source.errors import PatchError
from ablations.code.source.patches import Patch, apply_patch, read_patch
from ablations.code.trials.baselines import Baseline, baseline_of
from ablations.code.trials.bench import Bench
from ablations.code.trials.records import RunRecord
from ablations.code.trials.rulings import all_said, reason_of
from ablations.code.writing.attempts import Attempt, attempt_key
from ablations.code.writing.llm_writer import OverBudgetError
from ablations.code.writing.writers import PatchWriter, Proposal
from ablations.floor.journal import Facts, Journal


@dataclass(frozen=True, slots=True)
class Writing:
    """The writing phase of a study.

    Attributes:
        bench: Where patches are tried.
        writer: Of the patches.
        seed: Of the smoke runs: one with which the original reproduces itself.
        journal: Of the study.
        say: Shows a line to the user.
    """

    bench: Bench
    writer: PatchWriter
    seed: int
    journal: Journal
    say: Callable[[str], None]

    def write(self, component: Component, stopping: Callable[[], bool]) -> None:
        """Try until a patch is accepted, or the writer gives up; what the journal holds is not done again.

        Args:
            component: That is to go away.
            stopping: Whether to begin no further attempt. Any number of threads may write, each one component.
        """
        failures: list[Failure] = []
        for number in count(1):
            if stopping():
                return
            attempt = self._attempt(component, number, failures)
            if attempt is None or attempt.accepted:
                return
            failures.append(Failure(attempt.answer, attempt.complaint))

    def _attempt(self, component: Component, number: int, failures: list[Failure]) -> Attempt | None:
        key = attempt_key(component.name, number)
        kept = self.journal.recall(key)
        if kept is not None:
            return Attempt.model_validate(kept)
        try:
            proposal = self.writer.propose(component, number, failures)
        except OverBudgetError as error:
            self.say(f"{component.name}: {error}")
            return None
        if proposal is None:
            return None
        attempt = self._judged(component, number, proposal)
        self.journal.record(key, attempt.model_dump(mode="json"))
        self.say(_line(component, number, attempt))
        return attempt

    def _judged(self, component: Component, number: int, proposal: Proposal) -> Attempt:
        """Judge a proposal; each step that costs something is in the journal before the next one."""
        bare = Attempt(
            answer=proposal.answer,
            model=proposal.model,
            cost_usd=proposal.cost_usd,
            tokens=proposal.tokens,
            outcome=proposal.outcome,
        )
        if proposal.value is None:
            return bare.model_copy(update={"reason": proposal.problem})
        documents = self.bench.material.documents
        try:
            patch = read_patch(proposal.value, component=component.name)
            ablated = apply_patch(documents, patch)
        except PatchError as error:
            return bare.model_copy(update={"reason": str(error)})
        return self._tried(component, number, bare, patch, ablated)

    def _tried(self, component: Component, number: int, bare: Attempt, patch: Patch, ablated: Documents) -> Attempt:
        documents = self.bench.material.documents
        with_patch = bare.model_copy(update={"patch": patch.model_dump(mode="json")})
        ruling = judge(Case(component, documents, ablated))
        if not ruling.may_run:
            said = all_said(ruling)
            return with_patch.model_copy(update={"gates": said, "reason": reason_of(said)})
        smoke = self._smoke(component, number, ablated)
        known = baseline_of(self.journal.entries(), self.seed)
        said = all_said(judge(Case(component, documents, ablated, runs_of(known, smoke))))
        reason = reason_of(said)
        return with_patch.model_copy(
            update={
                "gates": said,
                "sandbox": smoke.sandbox,
                "accepted": not reason,
                "reason": reason,
                "trace": smoke.trace if reason else "",
            }
        )

    def _smoke(self, component: Component, number: int, ablated: Documents) -> RunRecord:
        key = smoke_key(component.name, number)
        kept = self.journal.recall(key)
        if kept is not None:
            return RunRecord.model_validate(kept["run"])
        run = self.bench.run(ablated, self.seed)
        self.journal.record(key, {"seed": self.seed, "run": run.model_dump(mode="json")})
        return run


def runs_of(known: Baseline, ablated: RunRecord) -> Runs:
    """Return the three runs that the gates compare."""
    return Runs(known.original.facts, known.null.facts, ablated.facts)


def smoke_key(component: str, number: int) -> str:
    """Return the key of the smoke run of an attempt."""
    return f"smoke/{component}/{number}"


def smoke_of(prepared: Mapping[str, Facts], component: str, number: int, seed: int) -> RunRecord | None:
    """Return the smoke run of an attempt, if it was made with this seed."""
    facts = prepared.get(smoke_key(component, number))
    return RunRecord.model_validate(facts["run"]) if facts is not None and facts["seed"] == seed else None


def _line(component: Component, number: int, attempt: Attempt) -> str:
    cost = "" if not attempt.cost_usd else f" (${attempt.cost_usd:.4f})"
    return f"{component.name}, attempt {number}{cost}: {'accepted' if attempt.accepted else attempt.reason}"
