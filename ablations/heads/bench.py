"""What a condition works with: the model, its texts and its prompts, as the options and the seed decide."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ablations.heads.agency.observing import observe
from ablations.heads.agency.rules import Rules
from ablations.heads.agency.states import Signals
from ablations.heads.corpus import standard_library
from ablations.heads.importance.base import Evidence
from ablations.heads.language_model import Head, LanguageModel
from ablations.heads.loading import load_model
from ablations.heads.options import HeadsOptions
from ablations.heads.prompts import check_lengths, choose_prompts, read_prompts
from ablations.heads.samples import windows

_CALIBRATION_WINDOWS = 8
_HELD_OUT_WINDOWS = 16
_TIME = 256


@dataclass(frozen=True, slots=True)
class Bench:
    """One seed's material, which all arms share.

    Attributes:
        model: the dense model.
        calibration: text from training files [sequences, time], for importance and agency.
        held_out: text from other files [sequences, time], for perplexity.
        prompts: what is continued.
        seed: decides texts, prompts, sampling and random selection; the model is the same for all seeds.
    """

    model: LanguageModel
    calibration: Tensor
    held_out: Tensor
    prompts: tuple[str, ...]
    seed: int

    @property
    def evidence(self) -> Evidence:
        """What a criterion may look at."""
        return Evidence(self.model, self.calibration, self.seed)

    def signals(self, rules: Rules) -> Mapping[Head, Signals]:
        """Watch the heads of the dense model on the calibration text."""
        return observe(self.model, self.calibration, rules)


def prepare(options: HeadsOptions, seed: int, cache_dir: Path | None) -> Bench:
    """Load the model and draw the texts of a seed; refuses whatever can be refused before anything is measured.

    Raises:
        HeadsError: the model, the device or the prompts cannot be used.
    """
    own = None if options.prompt_file is None else read_prompts(options.prompt_file)
    corpus = standard_library()
    model = load_model(options, corpus, cache_dir)
    prompts = choose_prompts(model, corpus.held_out, own, options.max_prompts, seed)
    check_lengths(model, prompts, options.num_tokens)
    time = min(_TIME, model.window)
    calibration = windows(model, corpus.training, _CALIBRATION_WINDOWS, time, f"calibration {seed}")
    held_out = windows(model, corpus.held_out, _HELD_OUT_WINDOWS, time, f"held out {seed}")
    return Bench(model, calibration, held_out, prompts, seed)
