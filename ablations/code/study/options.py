"""What a user can choose about the study of a script."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, StringConstraints, field_validator, model_validator

from ablations.code.asking.prompts import MAX_TOKENS
from ablations.code.source.choosing import chosen_components
from ablations.code.source.documents import Documents
from ablations.code.trials.material import SEED, Material, script_of
from ablations.floor.options import SeededOptions, split_list
from search.setup.scope import Scope, option

_Names = Annotated[tuple[str, ...], BeforeValidator(split_list)]
_Text = Annotated[str, StringConstraints(strip_whitespace=False)]
_GIB = 2**30


class CodeOptions(SeededOptions):
    """The options of the study; `source` and `scripts` come from the files that the command names."""

    seeds: int = option("Study", "number of seeds: every variant runs with each", 3, ge=1, scope=Scope.SEED)
    source: dict[str, _Text] = option("Script", "the documents, by path", {}, scope=Scope.RECORD)
    scripts: str = option("Script", "the documents' names and fingerprints", "")
    script: str | None = option("Script", "which document is run; default: the only one that can be")
    arguments: str = option(
        "Script", "its command line, in which {seed} stands for the seed", f"--seed {SEED}", min_length=1
    )
    readable: _Names = option("Script", "files and folders that it may read, such as its data, by commas", ())
    layers: _Names = option(
        "Components", "layers to leave out, by commas: conv2, block.norm, block.*, Block.norm", (), scope=Scope.CELL
    )
    zero: _Names = option(
        "Components", "the same, with zeros in the place of a residual branch, without an LLM", (), scope=Scope.CELL
    )
    features: _Names = option(
        "Components", 'columns to leave out of a list of names, by commas: age, "mean *"', (), scope=Scope.CELL
    )
    interactions: bool = option(
        "Components", "also every pair of components, for main effects and interactions", False, scope=Scope.CELL
    )
    metric: str | None = option("Figures", "the figure that the questions are about; default: the first reported")
    lower: _Names = option(
        "Figures", "figures of which less is better, by commas; default: those named as a loss or an error", ()
    )
    llm: str | None = option("LLM", "the model that writes the patches; none: patches by rule")
    attempts: int = option("LLM", "most patches to ask for per component", 3, ge=1, le=20, scope=Scope.MONEY)
    max_tokens: int = option("LLM", "most tokens of an answer", MAX_TOKENS, ge=1, scope=Scope.MONEY)
    max_cost: float | None = option("LLM", "most US dollars to spend", gt=0, scope=Scope.MONEY)
    prices: Path | None = option("LLM", "JSON file of prices, over the shipped ones", scope=Scope.MONEY)
    analysis: bool = option(
        "LLM", "let the model analyse the finished study; marked as unchecked", False, scope=Scope.MONEY
    )
    sandbox: Literal["auto", "bwrap", "docker", "none"] = option(
        "Sandbox", "auto, bwrap, docker, or none with --allow-unsandboxed", "auto", scope=Scope.CELL
    )
    allow_unsandboxed: bool = option(
        "Sandbox", "let code that a model wrote run without isolation; every result says so", False, scope=Scope.PLACE
    )
    at_once: int = option(
        "Sandbox", "runs at once before the first trial, while patches are written", 1, ge=1, le=64, scope=Scope.PLACE
    )
    run_seconds: float = option("Sandbox", "most seconds of one run", 900.0, gt=0, scope=Scope.RESOURCES)
    run_memory: float = option("Sandbox", "most memory of one run, in GiB", 4.0, gt=0, scope=Scope.RESOURCES)
    gpu: bool = option("Sandbox", "let runs use the GPUs of the machine", False, scope=Scope.RESOURCES)

    @property
    def documents(self) -> Documents:
        """The documents as they were when the study began."""
        return Documents(MappingProxyType(dict(self.source)))

    @property
    def material(self) -> Material:
        """What the study works on.

        Raises:
            CodeStudyError: Nothing is marked or named, or a name means nothing.
        """
        documents = self.documents
        components = chosen_components(documents, layers=self.layers, zero=self.zero, features=self.features)
        return Material(documents, components, script_of(documents, self.script), self.arguments)

    @property
    def memory_bytes(self) -> int:
        """Of one run."""
        return int(self.run_memory * _GIB)

    @model_validator(mode="before")
    @classmethod
    def _fingerprinted(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and isinstance(given.get("source"), Mapping) and not given.get("scripts"):
            return {**given, "scripts": fingerprint(given["source"])}
        return given

    @field_validator("arguments")
    @classmethod
    def _with_seed(cls, arguments: str) -> str:
        if SEED not in arguments:
            raise ValueError(
                f"{SEED} has to be in it, where the script takes its seed, as in `--seed {SEED}`: without it every run "
                "would be the same"
            )
        return arguments

    @field_validator("layers", "zero", "features", "lower")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(names))

    @field_validator("readable")
    @classmethod
    def _absolute(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(Path(path).expanduser().absolute()) for path in paths)

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        if self.sandbox == "none" and not self.allow_unsandboxed:
            raise ValueError(
                "--sandbox none runs code that a model wrote with your own rights: it can read, change and delete what "
                "you can. In a machine that may be lost, say --allow-unsandboxed as well; otherwise use auto, bwrap or "
                "docker"
            )
        if self.llm is not None and self.zero:
            raise ValueError(
                "--zero is for patches by rule: a model decides for itself what it puts in place of a layer"
            )
        if self.analysis and self.llm is None:
            raise ValueError("--analysis needs a model: name one with --llm")
        if self.scripts != fingerprint(self.source):
            raise ValueError(f"--scripts {self.scripts} are not the documents that came with it")
        return self


def fingerprint(source: Mapping[str, str]) -> str:
    """Return the names of documents, each with the beginning of its hash."""
    parts = (f"{path}#{hashlib.sha256(str(text).encode()).hexdigest()[:8]}" for path, text in source.items())
    return ", ".join(parts)


def is_loss(name: str) -> bool:
    """Return whether a figure is named as one of which less is better."""
    words = set(re.split(r"[^a-z0-9]+", name.lower()))
    return bool(words & {"loss", "error", "err", "perplexity", "ppl", "mse", "rmse", "mae", "nll", "bpb", "fid", "wer"})
