"""What each kind of event carries, validated when it is written: a wrong event fails in the driver, at once.

Conventions: MACs and parameters are exact integers; accuracies are fractions of one; ``wall_s`` and ``latency_s`` are
seconds; moments are UTC. A loss may be NaN or infinite (a diverged trial is told as it was) and is written as the
string "NaN", "Infinity" or "-Infinity", since JSON has no such numbers.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from llm_clients.kinds import AnswerForm, AnswerMode, CallOutcome
from tracking.fields import Count, Fraction, JsonObject, JsonValue, Macs, Moment, Real, Seconds, Text
from tracking.kinds import (
    Condition,
    DecisionKind,
    EventKind,
    Ranking,
    RunStatus,
    SplitName,
    Subject,
    TrialState,
)

SCHEMA = 2
"""The version of this format, carried by `run_started`, and by `resumed` for the lines that follow it."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, protected_namespaces=())


class Payload(_Value):
    """Base of all payloads."""

    kind: ClassVar[EventKind]


class RunStarted(Payload):
    """First event of every ledger. ``config`` is the whole configuration as JSON, without any key or secret."""

    kind = EventKind.RUN_STARTED
    schema_version: int = Field(default=SCHEMA, alias="schema", ge=1, le=SCHEMA)
    run_id: Text
    model: Text
    dataset: Text
    proposer: Text
    llm: Text | None
    seed: Annotated[int, Field(strict=True)]
    started_at: Moment
    config: JsonObject


class BaseReady(Payload):
    """The trained model that will be pruned. ``cached``: it was not trained in this run."""

    kind = EventKind.BASE_READY
    macs: Macs
    params: Macs
    holdout_accuracy: Fraction
    checkpoint: Text
    cached: bool


class GroupShape(_Value):
    """One coupled group of the plan: its name, how many units it has, the index of its isomorphic set."""

    name: Text
    units: Annotated[int, Field(ge=1, strict=True)]
    set: Count


class StagePrice(_Value):
    """A part of the network and its MACs as a polynomial: ((), 7), ((0, 2), 3) is 7 + 3·k₀·k₂ in kept units."""

    name: Text
    price: tuple[tuple[tuple[Count, ...], Macs], ...]


class PlanReady(Payload):
    """The plan and the budget. ``counter`` says how MACs are counted; ``band`` is [lowest, highest] MACs accepted.

    ``stages`` are in order of execution, and their prices add up to the MACs of any allocation; there are none in
    ledgers from before they were recorded.
    """

    kind = EventKind.PLAN_READY
    counter: Text
    groups: tuple[GroupShape, ...]
    sets: Count
    floor_macs: Macs
    baseline_macs: Macs
    target_macs: Macs
    band: tuple[Macs, Macs]
    stages: tuple[StagePrice, ...] = ()


class Profiled(Payload):
    """How much each isomorphic set hurts when it alone is cut, without training; measured once.

    ``accuracy`` is the unpruned model's on ``images`` of the holdout. ``accuracies`` has a row for each set: what is
    left of it when the set keeps each share in ``kept`` of its units, ranked by ``criterion``.
    """

    kind = EventKind.PROFILED
    criterion: Text
    kept: tuple[Annotated[float, Field(gt=0, lt=1)], ...]
    images: Annotated[int, Field(ge=1, strict=True)]
    accuracy: Fraction
    accuracies: tuple[tuple[Fraction, ...], ...]
    cached: bool
    wall_s: Seconds

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        if any(len(row) != len(self.kept) for row in self.accuracies):
            raise ValueError(f"each set must have one accuracy for each of the shares {self.kept}")
        return self


class StrategyRecord(_Value):
    """A strategy as proposed: keep ratio for each isomorphic set, criterion, rounding, and how units are ranked."""

    ratios: tuple[Annotated[float, Field(gt=0, le=1)], ...]
    importance: Text
    round_to: Annotated[int, Field(ge=1, strict=True)]
    ranking: Ranking


class Proposed(Payload):
    """A strategy and its place on the budget.

    ``requested_macs`` is what the proposer asked for before projection and ``in_band`` whether that met the band;
    ``allocation`` (units kept in each group), ``macs`` and ``params`` are what the trial gets. ``requested_allocation``
    is there when the proposer asked for units by group, which the strategy's ratios then only summarise.
    """

    kind = EventKind.PROPOSED
    trial: Count
    proposer: Text
    strategy: StrategyRecord
    requested_macs: Macs
    in_band: bool
    allocation: tuple[Count, ...]
    macs: Macs
    params: Macs
    rationale: Text
    requested_allocation: tuple[Count, ...] | None = None


class UsageRecord(_Value):
    """Tokens as the vendor counted them."""

    input_tokens: Count
    output_tokens: Count


class AnswerQuality(_Value):
    """How well a model kept to what it was asked for, over the trips of one call.

    From `strategies` on it is about the strategies of the final answer: `repeated` ones were given before, and
    `incoherent` ones have a rationale that contradicts their numbers, as `contradictions` say.
    """

    answers: Count
    valid: Count
    parse_errors: Count
    schema_errors: Count
    out_of_range: Count
    truncated: Count
    refused: Count
    duplicates: Count
    fenced: Count
    prose: Count
    faults: Count
    strategies: Count
    repeated: Count
    incoherent: Count
    contradictions: tuple[Text, ...] = ()


class LlmCall(Payload):
    """One call of an LLM as it was answered, before anything was made of it. ``text`` is the raw answer, if any.

    The optional fields are the client's own record of the call, kept whole so that a resume or a replay can stand in
    for the vendor: the parsed value, every attempt, what was not sent, the server's timings.
    """

    kind = EventKind.LLM_CALL
    call: Count
    model: Text
    request: JsonObject
    text: Text | None
    outcome: CallOutcome
    usage: UsageRecord | None
    latency_s: Seconds
    cost_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    attempts: Count
    stop_reason: Text | None
    validation_error: Text | None = None
    detail: Text = ""
    value: JsonValue = None
    fingerprint: Text | None = None
    mode: AnswerMode | None = None
    form: AnswerForm | None = None
    not_sent: tuple[Text, ...] = ()
    trail: tuple[JsonObject, ...] = ()
    durations_s: JsonObject | None = None
    resources: JsonObject | None = None
    scripted: bool = False
    quality: AnswerQuality | None = None
    points: tuple[StrategyRecord, ...] | None = None


class Decision(Payload):
    """What the master decided, and why.

    Attributes:
        condition: how the search was going, where that was the cause.
        trial: the one that runs again, or that a proposal repeated.
    """

    kind = EventKind.DECISION
    decision: DecisionKind
    reason: Text
    condition: Condition | None = None
    trial: Count | None = None


class TrialStarted(Payload):
    """A trial began on an actor (its id) in a process."""

    kind = EventKind.TRIAL_STARTED
    trial: Count
    actor: Text
    pid: Count
    started: Moment


class Rung(Payload):
    """One step of a trial's proxy. ``epochs`` counts from the trial's start; accuracy is on the holdout."""

    kind = EventKind.RUNG
    trial: Count
    rung: Count
    epochs: Count
    accuracy: Fraction
    loss: Real


class TrialEnded(Payload):
    """How a trial ended.

    ``rungs``: how many it scored; ``served``: how many trials its actor has had, this one included; ``compute_s``: the
    seconds of ``wall_s`` in which the actor worked (in the others it waited for the driver), None where it
    never told and in older ledgers.

    A completed or early stopped trial has an accuracy, a failed one has an error: neither is ever made up.
    """

    kind = EventKind.TRIAL_ENDED
    trial: Count
    state: TrialState
    accuracy: Fraction | None
    rungs: Count
    wall_s: Seconds
    actor: Text | None
    started: Moment | None
    ended: Moment | None
    served: Count
    error: Text | None
    compute_s: Seconds | None = None

    @model_validator(mode="after")
    def _told_as_it_was(self) -> Self:
        if self.state is TrialState.FAILED and not self.error:
            raise ValueError("a failed trial must say its error")
        if self.state is not TrialState.FAILED and self.accuracy is None:
            raise ValueError(f"a trial that ended {self.state.value!r} must have an accuracy")
        return self


class Winner(Payload):
    """The trial that the search chose by proxy accuracy on so many images of the holdout, which all trials share."""

    kind = EventKind.WINNER
    trial: Count
    strategy: StrategyRecord
    allocation: tuple[Count, ...]
    macs: Macs
    params: Macs
    proxy_accuracy: Fraction
    holdout_images: Annotated[int, Field(ge=1, strict=True)] | None = None


class FinetuneStarted(Payload):
    """The winner's fine-tune began on this many workers with this recipe."""

    kind = EventKind.FINETUNE_STARTED
    workers: Annotated[int, Field(ge=1, strict=True)]
    recipe: JsonObject


class FinetuneEpoch(Payload):
    """One epoch of the fine-tune, counted from 1."""

    kind = EventKind.FINETUNE_EPOCH
    epoch: Count
    train_loss: Real
    holdout_accuracy: Fraction | None
    lr: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    wall_s: Seconds


class FinetuneEnded(Payload):
    """The fine-tune's end and the checkpoint that it left."""

    kind = EventKind.FINETUNE_ENDED
    wall_s: Seconds
    epochs: Count
    holdout_accuracy: Fraction | None
    checkpoint: Text


class Latency(_Value):
    """Milliseconds for one batch of one image."""

    median: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    p95: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Evaluated(Payload):
    """One reading of a split, whole. ``accuracy`` must be ``correct / total``."""

    kind = EventKind.EVALUATED
    subject: Subject
    split: SplitName
    accuracy: Fraction
    loss: Real
    correct: Count
    total: Annotated[int, Field(ge=1, strict=True)]
    latency_ms: Latency | None

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if abs(self.accuracy - self.correct / self.total) > 1e-6:
            raise ValueError(f"accuracy {self.accuracy} is not {self.correct} correct of {self.total}")
        return self


class Exported(Payload):
    """The exported model, with its MACs and parameters as the plan has them."""

    kind = EventKind.EXPORTED
    path: Text
    macs: Macs
    params: Macs


class Interrupted(Payload):
    """The run was asked to stop."""

    kind = EventKind.INTERRUPTED
    reason: Text


class Resumed(Payload):
    """The run goes on after its event `from_seq`, in the format `schema`, whatever that of the lines before is."""

    kind = EventKind.RESUMED
    from_seq: Count
    schema_version: int = Field(default=SCHEMA, alias="schema", ge=1, le=SCHEMA)


class Extended(Payload):
    """The search goes on with ``added`` more trials; the winner is chosen anew among all."""

    kind = EventKind.EXTENDED
    added: Annotated[int, Field(ge=1, strict=True)]


class RunEnded(Payload):
    """Last event of a run, unless it is resumed. ``wall_s`` is of this run's processes, all sessions together."""

    kind = EventKind.RUN_ENDED
    status: RunStatus
    error: Text | None
    wall_s: Seconds

    @model_validator(mode="after")
    def _failure_is_told(self) -> Self:
        if self.status is RunStatus.FAILED and not self.error:
            raise ValueError("a failed run must say its error")
        return self


PAYLOADS: Mapping[EventKind, type[Payload]] = {payload.kind: payload for payload in Payload.__subclasses__()}
"""The payload of each kind."""
