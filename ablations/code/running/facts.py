"""What a run of a script reports, as a record: made by the harness inside the run, read by the gates."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ended(StrEnum):
    """How a run ended."""

    RETURNED = "returned"  # the script ran to its last line
    EXITED = "exited"  # it asked to leave earlier
    RAISED = "raised"
    LOST = "lost"  # the process ended, or was ended, without a word


class Reported(_Frozen):
    """A figure that the script reported through `espalier_report.report`.

    Attributes:
        name: Of the figure.
        value: Of the figure.
        step: Of a point of a curve, such as the epoch; None for a figure of the whole run.
    """

    name: str
    value: float
    step: int | None = None


class ModuleFacts(_Frozen):
    """A torch module of a model.

    Attributes:
        path: As of `named_modules`; empty for the model itself.
        kind: The name of its class.
        parameters: Of its own, without those of the modules in it.
        calls: How often it was called in the whole run.
    """

    path: str
    kind: str
    parameters: int
    calls: int


class RunFacts(_Frozen):
    """One run.

    Attributes:
        ended: How.
        detail: The exception, or the exit code; empty if it returned.
        trace: Of the exception.
        reports: In the order of the calls.
        seeds: Each call that seeded a generator, as `torch.manual_seed(1)`, in order.
        modules: Of all torch models that were called, in the order of their first call.
        steps: Steps of torch optimisers, and fits of scikit-learn estimators.
        columns: How many columns the first data that trained anything had.
        trained: How many different rows trained the model that saw the most.
        evaluated: How many different rows a model was given without training. Scikit-learn's transformers do not count.
        shared: How many rows did both, in any model.
        executed: The lines that ran, by document.
    """

    ended: Ended
    detail: str = ""
    trace: str = ""
    reports: tuple[Reported, ...] = ()
    seeds: tuple[str, ...] = ()
    modules: tuple[ModuleFacts, ...] = ()
    steps: int = Field(default=0, ge=0)
    columns: int = Field(default=0, ge=0)
    trained: int = Field(default=0, ge=0)
    evaluated: int = Field(default=0, ge=0)
    shared: int = Field(default=0, ge=0)
    executed: dict[str, tuple[int, ...]] = Field(default_factory=dict)

    @property
    def figures(self) -> dict[str, float]:
        """The figures of the run: of each name that was reported without a step, its last value.

        A script that reports nothing without a step has the last value of each name.
        """
        whole = [report for report in self.reports if report.step is None]
        return {report.name: report.value for report in whole or self.reports}

    @property
    def curves(self) -> dict[str, tuple[tuple[int, float], ...]]:
        """Steps and values of each name that was reported at several steps.

        Of a name that was reported several times and never with a step, the calls are the steps. Of several values of
        one step the last counts.
        """
        stepped: dict[str, dict[int, float]] = {}
        called: dict[str, dict[int, float]] = {}
        for report in self.reports:
            curve = (called if report.step is None else stepped).setdefault(report.name, {})
            curve[len(curve) + 1 if report.step is None else report.step] = report.value
        return {name: tuple(sorted(curve.items())) for name, curve in (called | stepped).items() if len(curve) > 1}

    @property
    def parameters(self) -> int:
        """Of all models together."""
        return sum(module.parameters for module in self.modules)
