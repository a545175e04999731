"""Models, judges and outcomes for tests: no server, no sandbox, and every answer follows from the prompt."""

import hashlib
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ablations.resources.arms.attempt import Attempt
from ablations.resources.arms.places import Place
from ablations.resources.arms.resource import Resource
from ablations.resources.judging.judgement import Judgement, Judgements
from ablations.resources.judging.outcomes import Outcome, Which
from ablations.resources.metering.quantity import Quantity
from ablations.resources.metering.readings import Checks, Readings, Series
from ablations.resources.models.asked import Asked, ServerTimings
from ablations.resources.tasks.task import Task
from llm_clients.kinds import CallOutcome
from llm_clients.request import Usage

RIGHT, VISIBLE_ONLY, WRONG, MISSING = (True, True), (True, False), (False, False), (None, None)
HELD_OUT = "held-out-secret"


def attempt(ended: tuple[bool | None, bool | None], **used: float) -> Attempt:
    """An attempt that used one call, and whatever else is named."""
    return Attempt(*ended, {Resource.CALLS: 1.0, **{Resource[name.upper()]: value for name, value in used.items()}})


def seen(*samples: tuple[bool | None, bool | None], **levels: str) -> dict[Place, Attempt]:
    """Attempts: samples, and `level_1="xr"` for branches that are wrong (x), right (r), visible (v) or missing (m)."""
    letters = {"x": WRONG, "r": RIGHT, "v": VISIBLE_ONLY, "m": MISSING}
    found = {Place(0, number): attempt(one) for number, one in enumerate(samples)}
    for name, of_level in levels.items():
        level = int(name.removeprefix("level_"))
        found |= {Place(level, number): attempt(letters[one]) for number, one in enumerate(of_level)}
    return found


def task(number: int, category: str = "lists") -> Task:
    """A task; its held-out tests hold a word that no prompt may have."""
    return Task(
        id=str(number),
        category=category,
        prompt=f"Return the number {number}.",
        entry_point=f"f{number}",
        visible=(f"assert f{number}() == {number}",),
        held_out=(f"assert f{number}() == {number}  # {HELD_OUT} {number}",),
        reference=f"def f{number}():\n    return {number}",
    )


class Killed(BaseException):
    """What a test kills the work with."""


@dataclass
class FakeSolver:
    """Answers by a digest of the prompt, or of the prompt and how often it was asked.

    Attributes:
        name: Of the model.
        right: Of a hundred answers so many are right.
        lure: Of a hundred wrong answers so many pass the visible tests.
        endings: How calls end that contain a text, in place of an answer.
    """

    name: str = "small"
    right: int = 30
    lure: int = 10
    endings: Mapping[str, CallOutcome] = field(default_factory=dict)
    prompts: list[str] = field(default_factory=list)
    temperatures: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, prompt: str, temperature: float) -> Asked:
        with self.lock:
            self.prompts.append(prompt)
            self.temperatures.append(temperature)
        ending = next((end for text, end in self.endings.items() if text in prompt), CallOutcome.ANSWERED)
        digest = hashlib.sha256(f"{self.name} {prompt}".encode()).digest()
        kind = "right" if digest[0] * 100 < self.right * 256 else "lure" if digest[1] * 100 < self.lure * 256 else "bad"
        return asked(self.name, f"{kind} {digest.hex()[:8]}", ending, len(prompt))

    @property
    def repeated(self) -> int:
        return sum(count - 1 for count in Counter(self.prompts).values())


def asked(model: str, text: str, ending: CallOutcome = CallOutcome.ANSWERED, tokens: int = 10) -> Asked:
    """A call of one second; nothing of the server is known."""
    none = {unit: Quantity.missing(unit, "no server") for unit in ("s", "%", "bytes", "J", "tokens/s")}
    names = {"cpu": "s", "cpu_energy": "J", "gpu_energy": "J"}
    names |= dict.fromkeys(("cpu_mean", "cpu_peak", "gpu_utilisation_mean", "gpu_utilisation_peak"), "%")
    names |= {f"{kind}_{of}": "bytes" for kind in ("memory", "gpu_memory") for of in ("mean", "peak")}
    readings = Readings(
        duration=Quantity.measured(1.0, "s", "a test says so"),
        **{name: none[unit] for name, unit in names.items()},
        checks=Checks(
            sampled_cpu=none["s"], stat_cpu=none["s"], cgroup_cpu=none["s"], cgroup_memory_peak=none["bytes"]
        ),
        shared=False,
        overlapping=1,
        every_s=0.05,
        series=Series(),
    )
    timings = ServerTimings(
        total=none["s"], load=none["s"], prompt_eval=none["s"], eval=none["s"], output_rate=none["tokens/s"]
    )
    price = {"large": 1e-3}.get(model, 1e-4)
    return Asked(
        model=model, text=text, outcome=ending, detail="planted" if ending is not CallOutcome.ANSWERED else "",
        served_by=f"fake-{model}", usage=Usage(tokens, 5), cost_usd=price, trips=1, not_taken=(), timings=timings,
        readings=readings, started=0.0, ended=1.0,
    )  # fmt: skip


@dataclass
class FakeVerdict:
    judgements: Judgements
    solution: str
    feedback: str


@dataclass
class FakeJudge:
    """Judges by the first word of an answer; notes what it judged.

    Attributes:
        broken: Answers that contain it cannot be judged.
    """

    broken: str = "\0"
    judged: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, task: Task, answer: str) -> FakeVerdict:
        self.judged.append((task.id, answer))
        if self.broken in answer:
            ends: Sequence[Outcome] = (Outcome.INFRASTRUCTURE, Outcome.INFRASTRUCTURE)
        else:
            ends = {
                "right": (Outcome.PASSED, Outcome.PASSED),
                "lure": (Outcome.PASSED, Outcome.WRONG),
                "bad": (Outcome.WRONG, Outcome.WRONG),
            }[answer.split()[0]]
        visible, held_out = (
            Judgement(task_id=task.id, which=which, outcome=end, message="" if end is Outcome.PASSED else f"{which}")
            for which, end in zip((Which.VISIBLE, Which.HELD_OUT), ends, strict=True)
        )
        return FakeVerdict(
            Judgements(visible, held_out), answer, "The test failed." if ends[0] is Outcome.WRONG else ""
        )
