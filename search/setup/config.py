"""The configuration of a run, from the command line or a YAML file."""

import os
from collections.abc import Mapping
from enum import StrEnum
from os import environ
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ConfigDict, ValidationError, model_validator

from ground.names import did_you_mean, near_misses
from pruning.importance.names import CRITERION_NAMES
from search.arms import ArmName
from search.errors import ConfigError
from search.setup.address import PRIVATE, ray_address
from search.setup.contradictions import (
    check_addresses,
    check_arms,
    check_destination,
    check_finalists,
    check_input,
    check_one_process,
    check_projection,
    check_rungs,
)
from search.setup.fields import read_fields
from search.setup.paths import expand
from search.setup.recipe_options import BASE, FINETUNE, PROXY, RecipeOptions, changes_of
from search.setup.replaying import repeated_fields
from search.setup.scope import Scope, names_where
from search.setup.scope import option as _option
from search.space.budget import parse_band
from tracking.stores import destination_of_new
from tracking.uris import absolute_uri
from trainers.workers import Workers


class ExecutorName(StrEnum):
    """Where trials and the fine-tune are executed."""

    RAY = "ray"
    LOCAL = "local"


PREPARING = ("mean", "std", "interpolation", "crop", "crop_mode")
"""The fields that say how images are prepared; every verb that reads images has their options."""


class RunConfig(RecipeOptions):
    """The configuration of one search and its fine-tune; each field is an option of `launch.py search`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, str_strip_whitespace=True)

    model: str = _option(
        "Model and data", "timm or torchvision name, or module:factory", "resnet18_quarter", scope=Scope.CELL
    )
    dataset: str = _option(
        "Model and data",
        "digits, shapes, imagefolder, imagenet, cifar10, cifar100, or your own as module:factory",
        "digits",
        scope=Scope.CELL,
    )
    data_path: Path | None = _option("Model and data", "folder of a dataset that is read from disk", scope=Scope.CELL)
    input_size: int | None = _option(
        "Model and data", "width of the square input; default: the dataset's", ge=8, le=16_384
    )
    input_shape: str | None = _option(
        "Model and data", "shape of the image, as 1x28x28 or 3x160x224; default: the dataset's"
    )
    mean: tuple[float, ...] | None = _option(
        "Model and data",
        "mean of each channel of pixels in 0…1, comma-separated; default, as for the next four: what published weights "
        "expect",
    )
    std: tuple[float, ...] | None = _option("Model and data", "deviation of each channel, likewise")
    interpolation: Literal["nearest", "bilinear", "bicubic", "box", "hamming", "lanczos"] | None = _option(
        "Model and data", "how images are resized: bilinear, bicubic, …"
    )
    crop: float | None = _option("Model and data", "side of the input ÷ side that images are resized to", gt=0.1, le=2)
    crop_mode: Literal["center", "squash", "border"] | None = _option(
        "Model and data", "what becomes of images of another shape: center, squash or border"
    )
    output: str | None = _option(
        "Model and data",
        "output tensor that contains the logits, such as features.0; default: logits, out, or the first",
    )
    base: str | None = _option(
        "Model and data",
        "base weights: train (here, cached), pretrained (published), head:EPOCHS (a new head on the published trunk; "
        "head:EPOCHS:FILE on one in a file), a .safetensors or .pth file, or a folder that `train` wrote; default: "
        "train for digits and shapes, else pretrained",
    )

    target_macs: str = _option(
        "Budget",
        "most MACs of the result: giga-MACs (2.06), 230M, 900k, or a share of the base",
        "10%",
        scope=Scope.CELL,
    )
    band: tuple[float, float] = _option(
        "Budget", "range around the target within which a proposal is on target", (-0.05, 0.01), shown="-5%,+1%"
    )
    round_to: int = _option("Budget", "kept units of a group are multiples of this", 1, ge=1, le=64)
    projection: bool = _option(
        "Budget", "move each proposal onto the target, or turn back those that miss the band", True
    )

    proposer: str | None = _option(
        "Proposer", ", ".join(ArmName) + "; default: rules, or llm if a model is given", scope=Scope.ARM
    )
    llm: str | None = _option(
        "Proposer",
        "model to ask: claude-…, gpt-…, openrouter:…, ollama:…, vllm:…, scripted:FILE (or rehearsal, any), replay:RUN",
        scope=Scope.MODEL_ASKED,
    )
    llm_temperature: float | None = _option(
        "Proposer", "sampling temperature, sent if the model accepts one", ge=0, le=2, scope=Scope.ARM
    )
    llm_max_tokens: int = _option("Proposer", "most output tokens per call", 4000, ge=64, scope=Scope.ARM)
    llm_base_url: str | None = _option("Proposer", "another server with the same wire format", scope=Scope.MODEL_ASKED)
    llm_timeout: float | None = _option(
        "Proposer",
        "seconds to wait for one answer; default: 120, or 600 from a server on this machine",
        gt=0,
        scope=Scope.ARM,
    )
    llm_plain_http: bool = _option(
        "Proposer", "let a key go to another machine over plain HTTP", False, scope=Scope.MODEL_ASKED
    )
    llm_per_call: int = _option("Proposer", "strategies requested per call", 4, ge=1, le=32, scope=Scope.ARM)
    llm_ahead: int | None = _option(
        "Proposer",
        "strategies still waiting for a trial when the next call is made; default: all but one of a call",
        ge=0,
        scope=Scope.ARM,
    )
    max_cost: float | None = _option(
        "Proposer", "total cost limit of the LLM in US dollars; needs its price", gt=0, scope=Scope.MONEY
    )
    max_tokens_total: int | None = _option(
        "Proposer", "total limit of input and output tokens of the LLM", ge=1, scope=Scope.MONEY
    )
    prices: Path | None = _option(
        "Proposer", "price file whose entries override those that ship with Espalier", scope=Scope.MONEY
    )
    switch_to: str | None = _option(
        "Proposer", "classical arm that takes over when the first is stalled or exhausted; default: none"
    )
    max_revisions: int = _option("Proposer", "misses of the band before giving up, without projection", 100, ge=1)

    trials: int = _option("Search", "number of trials", 16, ge=1)
    workers: int | None = _option(
        "Search", "concurrent trials; default: as many as the machine can run", ge=1, scope=Scope.PLACE
    )
    window: int | None = _option("Search", "a proposal reads results at least this many trials back", ge=1)
    eta: float = _option("Search", "successive halving keeps 1/eta at each rung; 1 stops nothing early", 3.0, ge=1)
    criteria: tuple[str, ...] = _option(
        "Search",
        f"importance criteria to choose from, comma-separated: {', '.join(CRITERION_NAMES)}",
        ("l2", "taylor"),
    )
    trial_timeout: float | None = _option(
        "Search", "seconds until a trial counts as hung; default: ten times the slowest so far, at least 120", gt=0
    )
    cpus_per_trial: float = _option("Search", "CPUs per trial", 1.0, gt=0, scope=Scope.RESOURCES)
    gpus_per_trial: float | None = _option(
        "Search",
        "GPUs per trial; with a fraction several trials share one, 0 keeps to CPUs; default: if there are GPUs, a "
        "share by one measured step",
        ge=0,
        scope=Scope.RESOURCES,
    )
    seed: int = _option("Search", "seed of data splits, training and proposals", 42, ge=0, lt=2**31, scope=Scope.SEED)

    finetune_workers: Workers | None = _option(
        "Fine-tune",
        "DDP workers, or a range such as 2-8 that follows the cluster at the same batch size; default: one per GPU, or "
        "at most two on CPUs",
        scope=Scope.PLACE,
    )
    finetune_gpu: bool | None = _option(
        "Fine-tune", "one GPU per worker; default: if there are any", scope=Scope.RESOURCES
    )

    finalists: int | None = _option(
        "Fine-tune",
        "how many of the best trials are fine-tuned for a while; the best of them then goes on to the end",
        ge=1,
        shown="1",
    )
    finalist_epochs: int | None = _option(
        "Fine-tune",
        "epochs after which the finalists are compared; default: a fifth of the recipe's, and one beyond its warm-up",
        ge=1,
    )

    runs: Path = _option("Record", "folder that contains the run folders", Path("runs"), scope=Scope.RECORD)
    tracking_uri: str | None = _option(
        "Record",
        "address of the MLflow store; default: MLFLOW_TRACKING_URI, or sqlite mlflow.db beside the runs folder",
        scope=Scope.RECORD,
    )
    experiment: str | None = _option(
        "Record", "MLflow experiment; default: MLFLOW_EXPERIMENT_NAME, or espalier", scope=Scope.RECORD
    )
    mlflow: bool = _option("Record", "mirror the run in MLflow", True, scope=Scope.RECORD)
    register_model: str | None = _option(
        "Record",
        "registered model in MLflow of which the winner becomes a version",
        scope=Scope.RECORD,
        flag="--register",
    )
    executor: ExecutorName = _option(
        "Record",
        "ray: concurrent trials and DDP; local: in this process without Ray, one after another",
        ExecutorName.RAY,
        scope=Scope.PLACE,
    )
    ray_address: str | None = _option(
        "Record",
        "a running Ray cluster (auto finds it), or local for a private session; default: RAY_ADDRESS, else local",
        scope=Scope.PLACE,
    )
    wait_for_nodes: float = _option(
        "Record",
        "seconds to wait for nodes of the cluster that are still to come: until the workers that are asked for fit, or "
        "in full where no number is",
        0.0,
        ge=0,
        scope=Scope.PLACE,
    )

    @model_validator(mode="before")
    @classmethod
    def _spell(cls, data: Any) -> Any:
        """Accept a number as the target, text as the band, comma-separated lists, and `register`."""
        if not isinstance(data, dict):
            return data
        spelled = dict(data)
        if isinstance(spelled.get("target_macs"), int | float):
            spelled["target_macs"] = str(spelled["target_macs"])
        if isinstance(spelled.get("band"), str):
            spelled["band"] = parse_band(spelled["band"])
        for name in ("criteria", "mean", "std"):
            if isinstance(spelled.get(name), str):
                spelled[name] = tuple(part.strip() for part in spelled[name].split(",") if part.strip())
        if "register" in spelled:
            spelled["register_model"] = spelled.pop("register")
        for name in _PATHS:
            if isinstance(spelled.get(name), str | Path):
                spelled[name] = expand(str(spelled[name]))
        if spelled.get("criteria") in ((), []):
            raise ConfigError("criteria is empty: name at least one importance criterion, as in --criteria l2,l1.")
        return spelled

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        check_arms(self.proposer, self.llm, self.switch_to, replaced=self.arm)
        check_projection(projection=self.projection, round_to=self.round_to)
        check_destination(self.tracking_uri, self.register_model, mlflow=self.mlflow)
        check_finalists(self.finalists, self.finalist_epochs)
        check_rungs(self.proxy_epochs, self.proxy_rungs)
        check_input(self.input_size, self.input_shape)
        check_addresses({name: getattr(self, name) for name in type(self).model_fields})
        if self.executor is ExecutorName.LOCAL:
            check_one_process(self.ray_address, self.workers, self.finetune_workers)
        return self

    @property
    def cluster(self) -> str | None:
        """The address of the Ray cluster that it runs on; None for a private session, or for no Ray at all."""
        return None if self.ray_address == PRIVATE else self.ray_address

    @property
    def may_use_gpu(self) -> bool:
        """Whether any part of the run may use a GPU: not if trials and fine-tune are both kept to CPUs."""
        return not (self.gpus_per_trial == 0 and self.finetune_gpu is False)

    @property
    def arm(self) -> str:
        """The name of the proposer in the registry."""
        return self.proposer or (ArmName.LLM if self.llm else ArmName.RULES).value

    def preprocessing_changes(self) -> dict[str, Any]:
        """Return what this configuration says of the preparation of images."""
        return {name: value for name in PREPARING if (value := getattr(self, name)) is not None}

    def finetune_changes(self) -> dict[str, Any]:
        """Return the fields of the fine-tune's recipe that this configuration sets."""
        return changes_of(self, FINETUNE)

    def base_changes(self) -> dict[str, Any]:
        """Return the fields of the recipe of a base that is trained here, likewise."""
        return changes_of(self, BASE)

    def proxy_changes(self) -> dict[str, Any]:
        """Return the fields of the trials' recipe, likewise."""
        return changes_of(self, PROXY)


def placed(config: RunConfig, environment: Mapping[str, str] = os.environ) -> RunConfig:
    """Return the configuration with the cluster that RAY_ADDRESS names, where it names none itself.

    Raises:
        ConfigError: either address cannot be one.
    """
    if config.executor is not ExecutorName.RAY:
        return config
    return config.model_copy(update={"ray_address": ray_address(config.ray_address, environment)})


def load_config(path: Path | None, given: Mapping[str, Any]) -> RunConfig:
    """Load a configuration from a YAML file, overridden by the options of the command line.

    With `--llm replay:RUN`, the defaults are the settings of that run.

    Args:
        path: The YAML file; None for the defaults.
        given: The options by field name; None means that an option was not given.

    Raises:
        ConfigError: The file cannot be read, or a field is unknown, malformed, or contradicts another.
        TrackingError: The run to be replayed cannot be found or read.
    """
    fields = read_fields(path) if path is not None else {}
    fields |= {name: value for name, value in given.items() if value is not None}
    return make_config(repeated_fields(fields, names_where(RunConfig, _differs_in_a_replay)))


def with_destination(config: RunConfig, environment: Mapping[str, str] = environ) -> RunConfig:
    """Write down where a new run is mirrored, so that it is the same place wherever the run is resumed.

    The default stays open, because it moves with the runs. No password of an address in the environment is written.

    Args:
        config: The configuration of the run.
        environment: Holds MLflow's variables.

    Raises:
        TrackingUriError: The address is not supported, or its folder does not exist.
    """
    if not config.mlflow:
        return config
    destination = destination_of_new(config.tracking_uri, config.experiment, config.runs, environment)
    if not destination.is_default:
        absolute_uri(destination.uri)
    return config.model_copy(update={"tracking_uri": destination.recorded_uri, "experiment": destination.experiment})


def _differs_in_a_replay(scope: Scope) -> bool:
    """Whether a replay keeps its own options of this scope instead of taking them over from the recorded run."""
    return scope in (Scope.MODEL_ASKED, Scope.MONEY, Scope.PLACE, Scope.RESOURCES, Scope.RECORD)


def make_config(fields: Mapping[str, Any]) -> RunConfig:
    """Validate the fields of a configuration.

    Raises:
        ConfigError: A field is unknown, malformed, or contradicts another; the message has one sentence per problem.
    """
    try:
        return RunConfig(**fields)
    except ValidationError as error:
        problems = (
            _explain(str(item["loc"][0]) if item["loc"] else "", item["msg"], item["input"], item["type"])
            for item in error.errors()
        )
        raise ConfigError(" ".join(problems)) from None


def _explain(name: str, message: str, received: object, kind: str) -> str:
    if kind == "extra_forbidden":
        hint = did_you_mean(near_misses(name, RunConfig.model_fields, most=2)).rstrip()
        return f"There is no field {_clipped(name)}: {hint or 'see `launch.py search --help` for all fields.'}"
    if not name:
        return message.removeprefix("Value error, ")
    return f"{name} = {_clipped(received)} cannot be used: {message.removeprefix('Value error, ')}."


def _clipped(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text):,} characters)"


_SHOWN = 120
"""Characters of a value that an error repeats."""
_PATHS = ("data_path", "prices", "runs", "base")
