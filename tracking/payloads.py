"""The fields of each kind of event of a run, validated on writing, so that a wrong one fails at once in the driver.

Conventions: MACs and parameters are exact integers; accuracies are fractions of one; `wall_s` and `latency_s` are
seconds; times are UTC. A loss may be NaN or infinite, because a diverged trial is recorded as it was. It is then
written as the string "NaN", "Infinity" or "-Infinity", because JSON has no such numbers.

`docs/ledger.md` documents every field.
"""

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
from tracking.provenance import Provenance

SCHEMA = 3
"""The version of this format; `run_started` and `study_started` state it, and `resumed` for what follows it."""

CHAINED = 3
"""The first format whose lines state a digest; see `tracking.chain`."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, protected_namespaces=())


class Payload(_Value):
    """Base class of all payloads."""

    kind: ClassVar[EventKind]


class RunStarted(Payload):
    """The first event of every ledger.

    Attributes:
        config: The complete configuration as JSON, without any key or password.
        provenance: Software and hardware of the session; None in older ledgers.
    """

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
    provenance: Provenance | None = None


class SplitRecord(_Value):
    """One part of a dataset: its number of images, and a hash that changes with them."""

    images: Count
    fingerprint: Text


class DataRecord(_Value):
    """What a run is trained and scored on.

    Attributes:
        input_size: Channels, height and width of an image.
        preprocessing: What is done to each image before a model sees it, in words.
    """

    input_size: tuple[Count, Count, Count]
    classes: Count
    preprocessing: Text
    train: SplitRecord
    holdout: SplitRecord
    test: SplitRecord


class BaseReady(Payload):
    """The trained model that will be pruned, and the data.

    Attributes:
        cached: Whether it was not trained in this run.
        source: Where it comes from: `train`, `pretrained`, `file`, `head` or `checkpoint`; None in older ledgers.
        made: How it came about, where that is more than its training or its file; None also in older ledgers.
        data: None in older ledgers.
    """

    kind = EventKind.BASE_READY
    macs: Macs
    params: Macs
    holdout_accuracy: Fraction
    checkpoint: Text
    cached: bool
    source: Text | None = None
    made: Text | None = None
    data: DataRecord | None = None


class GroupShape(_Value):
    """One coupled group of the plan: its name, its number of units, and the index of its isomorphic set."""

    name: Text
    units: Annotated[int, Field(ge=1, strict=True)]
    set: Count


class StagePrice(_Value):
    """A stage of the network with its MACs as a polynomial: ((), 7), ((0, 2), 3) is 7 + 3·k₀·k₂ in kept units."""

    name: Text
    price: tuple[tuple[tuple[Count, ...], Macs], ...]


class PlanReady(Payload):
    """The plan and the budget.

    Attributes:
        counter: How MACs are counted.
        band: The lowest and the highest MACs that are on target.
        stages: In order of execution; their prices sum to the MACs of any allocation. Empty in ledgers from before they
            were recorded.
        preprocessing: How images are prepared, as in a checkpoint's `architecture.json`; None where the dataset alone
            decides that, and in ledgers from before it was recorded.
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
    preprocessing: JsonObject | None = None


class Profiled(Payload):
    """The sensitivity of each isomorphic set: the accuracy when it alone is cut, without training; measured once.

    Attributes:
        criterion: The importance criterion that ranked the units.
        kept: The shares of its units that a set keeps in the measurements.
        images: Number of holdout images that were scored in each measurement.
        accuracy: Accuracy of the unpruned model on these images.
        accuracies: One row per set, with one accuracy for each share in `kept`.
        cached: Whether an earlier run measured it.
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
            lengths = [len(row) for row in self.accuracies]
            raise ValueError(f"each set must have one accuracy for each share in {self.kept}; received {lengths}")
        return self


class StrategyRecord(_Value):
    """A strategy as proposed: the keep ratio of each isomorphic set, the criterion, the rounding and the ranking."""

    ratios: tuple[Annotated[float, Field(gt=0, le=1)], ...]
    importance: Text
    round_to: Annotated[int, Field(ge=1, strict=True)]
    ranking: Ranking


class Proposed(Payload):
    """A strategy, and the trial that it becomes after projection.

    Attributes:
        requested_macs: MACs that the proposer requested, before projection.
        in_band: Whether these lie in the band.
        allocation: Units that the trial keeps in each group.
        macs: Exact MACs of the trial's model.
        params: Exact number of parameters of the trial's model.
        requested_allocation: Units requested for each group, if the proposer requested them; the ratios of the strategy
            then only summarise the request.
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
    """Numbers of tokens as counted by the vendor."""

    input_tokens: Count
    output_tokens: Count


class AnswerQuality(_Value):
    """How well a language model followed its instructions, over all trips of one call.

    The fields from `strategies` on concern the final answer only.

    Attributes:
        strategies: Number of strategies in the final answer.
        repeated: How many of them were given before.
        incoherent: How many of them have a rationale that contradicts their numbers.
        contradictions: These contradictions, in words.
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


class LlmAsked(Payload):
    """A trip to an LLM's server is about to be made; a call may need several.

    If the process dies before the call is recorded, this is what is known of the trip: it may have been charged.

    Attributes:
        call: The number of the call.
        trip: The number of the trip in the call, from 0.
        fingerprint: Of the call's request.
        most_tokens: The most tokens that the trip can use, input and output together.
        most_usd: The most that it can cost; None if no price is known.
    """

    kind = EventKind.LLM_ASKED
    call: Count
    trip: Count
    fingerprint: Text
    most_tokens: Count
    most_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None


class LlmCall(Payload):
    """One call of an LLM, as it was answered and before the answer was used.

    The optional fields are the client's own record of the call: the parsed value, every attempt, the parameters that
    were not sent, the server's timings. They are complete, so that a resume or a replay can answer in place of the
    vendor.

    Attributes:
        text: The raw answer; None if there was none.
        points: Strategies of the optimiser that the request shows; None if it shows none, and in older ledgers.
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
    """What was decided, and why.

    Attributes:
        condition: The state of the search, if it was the cause.
        trial: The trial that runs again, or that a proposal repeated.
    """

    kind = EventKind.DECISION
    decision: DecisionKind
    reason: Text
    condition: Condition | None = None
    trial: Count | None = None


class TrialStarted(Payload):
    """A trial was started on an actor.

    Attributes:
        actor: The id of the actor.
        pid: The process id of the actor.
    """

    kind = EventKind.TRIAL_STARTED
    trial: Count
    actor: Text
    pid: Count
    started: Moment


class Rung(Payload):
    """One step of a trial's proxy.

    Attributes:
        epochs: Epochs trained since the start of the trial.
        accuracy: Accuracy on the holdout.
    """

    kind = EventKind.RUNG
    trial: Count
    rung: Count
    epochs: Count
    accuracy: Fraction
    loss: Real


class TrialEnded(Payload):
    """How a trial ended.

    A trial that was completed or stopped early has an accuracy, and a failed one has an error; neither is ever made up.

    Attributes:
        rungs: Number of rungs at which it was scored.
        served: Number of trials that its actor has run, including this one.
        compute_s: The seconds of `wall_s` in which the actor worked; in the others it waited for the driver. None if
            the actor never reported them, and in older ledgers.
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
    def _state_fits(self) -> Self:
        if self.state is TrialState.FAILED and not self.error:
            raise ValueError("a failed trial must have an error")
        if self.state is not TrialState.FAILED and self.accuracy is None:
            raise ValueError(f"a trial that ended {self.state.value!r} must have an accuracy")
        return self


class Finalists(Payload):
    """The best trials, which are fine-tuned for a while before one of them becomes the winner.

    Attributes:
        trials: Best first, by their score in the search.
        epochs: After how many epochs of the recipe they are compared.
    """

    kind = EventKind.FINALISTS
    trials: Annotated[tuple[Count, ...], Field(min_length=2)]
    epochs: Annotated[int, Field(ge=1, strict=True)]
    recipe: JsonObject


class FinalistEpoch(Payload):
    """One epoch of a finalist's fine-tune, counted from 1."""

    kind = EventKind.FINALIST_EPOCH
    trial: Count
    epoch: Count
    train_loss: Real
    holdout_accuracy: Fraction
    holdout_loss: Real
    lr: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    wall_s: Seconds


class FinalistEnded(Payload):
    """A finalist was fine-tuned for as long as all of them are, and scored on the holdout.

    Attributes:
        wall_s: Seconds of its last part, if it was interrupted.
    """

    kind = EventKind.FINALIST_ENDED
    trial: Count
    epochs: Annotated[int, Field(ge=1, strict=True)]
    holdout_accuracy: Fraction
    holdout_loss: Real
    wall_s: Seconds


class Winner(Payload):
    """The trial that the search chose.

    Attributes:
        proxy_accuracy: Accuracy on the holdout, by which it was chosen.
        holdout_images: Number of images in the holdout, which all trials share.
    """

    kind = EventKind.WINNER
    trial: Count
    strategy: StrategyRecord
    allocation: tuple[Count, ...]
    macs: Macs
    params: Macs
    proxy_accuracy: Fraction
    holdout_images: Annotated[int, Field(ge=1, strict=True)] | None = None


class FinetuneStarted(Payload):
    """The fine-tune of the winner was started, with this number of workers and this recipe.

    Attributes:
        most_workers: How many there may become as nodes join; None where their number is fixed, and in older ledgers.
    """

    kind = EventKind.FINETUNE_STARTED
    workers: Annotated[int, Field(ge=1, strict=True)]
    most_workers: Annotated[int, Field(ge=1, strict=True)] | None = None
    recipe: JsonObject


class FinetuneEpoch(Payload):
    """One epoch of the fine-tune, counted from 1.

    Attributes:
        holdout_loss: None in older ledgers, and where the holdout is trained on.
        images_per_s: Of all workers together; None in older ledgers.
        trained_holdout_accuracy: On the holdout's images where they are trained on; None elsewhere.
    """

    kind = EventKind.FINETUNE_EPOCH
    epoch: Count
    train_loss: Real
    holdout_accuracy: Fraction | None
    lr: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    wall_s: Seconds
    holdout_loss: Real | None = None
    images_per_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    trained_holdout_accuracy: Fraction | None = None


class FinetuneEnded(Payload):
    """The fine-tune ended and wrote this checkpoint.

    Attributes:
        holdout_accuracy: None where the holdout is trained on.
        trained_holdout_accuracy: As of its last epoch.
    """

    kind = EventKind.FINETUNE_ENDED
    wall_s: Seconds
    epochs: Count
    holdout_accuracy: Fraction | None
    checkpoint: Text
    trained_holdout_accuracy: Fraction | None = None


class Latency(_Value):
    """Latency of a batch of one image, in milliseconds."""

    median: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    p95: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Evaluated(Payload):
    """One evaluation on a complete split.

    Attributes:
        accuracy: Must equal `correct / total`.
        weights_bytes: Of all parameters and buffers, which is the size of their file but for its header; None in older
            ledgers.
    """

    kind = EventKind.EVALUATED
    subject: Subject
    split: SplitName
    accuracy: Fraction
    loss: Real
    correct: Count
    total: Annotated[int, Field(ge=1, strict=True)]
    latency_ms: Latency | None
    weights_bytes: Count | None = None

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if abs(self.accuracy - self.correct / self.total) > 1e-6:
            raise ValueError(f"accuracy {self.accuracy} is not {self.correct} correct of {self.total}")
        return self


class Exported(Payload):
    """The exported model, with its MACs and parameters according to the plan."""

    kind = EventKind.EXPORTED
    path: Text
    macs: Macs
    params: Macs


class Interrupted(Payload):
    """The run was asked to stop."""

    kind = EventKind.INTERRUPTED
    reason: Text


class Resumed(Payload):
    """The run goes on after its event `from_seq`; from here on its lines have the format `schema`.

    Attributes:
        provenance: Software and hardware of this session; None in older ledgers.
    """

    kind = EventKind.RESUMED
    from_seq: Count
    schema_version: int = Field(default=SCHEMA, alias="schema", ge=1, le=SCHEMA)
    provenance: Provenance | None = None


class Extended(Payload):
    """The search goes on with `added` more trials; the winner is chosen again among all trials."""

    kind = EventKind.EXTENDED
    added: Annotated[int, Field(ge=1, strict=True)]


class RunEnded(Payload):
    """The last event of a run, unless it is resumed or extended.

    Attributes:
        wall_s: Seconds of all sessions of the run, without the pauses between them.
    """

    kind = EventKind.RUN_ENDED
    status: RunStatus
    error: Text | None
    wall_s: Seconds

    @model_validator(mode="after")
    def _status_fits(self) -> Self:
        if self.status is RunStatus.FAILED and not self.error:
            raise ValueError("a failed run must have an error")
        return self
