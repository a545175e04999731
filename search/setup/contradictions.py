"""Values of a configuration that contradict each other, or that no ledger may hold; each check says what works."""

from collections.abc import Mapping, Sequence

from llm_clients.redaction import redact
from search.arms import ASKING_ARMS, CLASSICAL_ARMS
from search.errors import ConfigError
from search.setup.address import PRIVATE
from tracking.uris import without_password
from trainers.workers import Workers


def check_arms(proposer: str | None, llm: str | None, switch_to: str | None, *, replaced: str) -> None:
    """Check the arm, the model that it asks, and the arm that takes over from `replaced`."""
    if llm is not None and proposer not in (None, *ASKING_ARMS):
        raise ConfigError(
            f"--llm {llm} and --proposer {proposer} contradict each other: omit one of them, or "
            f"choose an arm that asks a model: {' or '.join(ASKING_ARMS)}."
        )
    if llm is None and proposer in ASKING_ARMS:
        raise ConfigError(f"--proposer {proposer} needs a model: choose one with --llm, as in --llm claude-sonnet-4-5.")
    if switch_to is not None and switch_to not in CLASSICAL_ARMS:
        raise ConfigError(
            f"--switch-to {switch_to} is not a classical arm; these would work: {', '.join(CLASSICAL_ARMS)}."
        )
    if switch_to == replaced:
        raise ConfigError(f"--switch-to {switch_to} is the arm that it would replace; choose another.")


def check_projection(*, projection: bool, round_to: int) -> None:
    """Check that nothing is rounded without projection."""
    if not projection and round_to > 1:
        raise ConfigError(
            f"--no-projection and --round-to {round_to} contradict each other: rounding is part of projection."
        )


def check_destination(tracking_uri: str | None, register: str | None, *, mlflow: bool) -> None:
    """Check the store and the registered model, which need MLflow."""
    if tracking_uri is not None and without_password(tracking_uri) != tracking_uri:
        raise ConfigError(
            f"--tracking-uri {without_password(tracking_uri)} holds a password, and the configuration is "
            "written to the ledger. Omit it from the address; PostgreSQL reads PGPASSWORD or ~/.pgpass, an MLflow "
            "server MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
        )
    for option, value in (("--tracking-uri", tracking_uri), ("--register", register)):
        if not mlflow and value is not None:
            raise ConfigError(f"--no-mlflow and {option} {value} contradict each other: omit one of them.")
    if register is not None and (not register or set("/:") & set(register)):
        raise ConfigError(
            f"--register {register!r} is no name of a model in MLflow, which has at least one character "
            "and no / or : in it; resnet50-2G would work."
        )


def check_finalists(finalists: int | None, epochs: int | None) -> None:
    """Check that there are several finalists if it is said when they are compared."""
    if epochs is not None and (finalists or 1) < 2:
        raise ConfigError(
            f"--finalist-epochs {epochs} says when finalists are compared, and there is one: add "
            "--finalists 3, or omit it."
        )


def check_rungs(epochs: int | None, rungs: Sequence[int] | None) -> None:
    """Check that a trial ends with its last rung."""
    if epochs is not None and rungs is not None and rungs[-1] != epochs:
        raise ConfigError(
            f"--proxy-epochs {epochs} and --proxy-rungs {','.join(map(str, rungs))} contradict each other: a trial "
            "ends with its last rung. Omit one of them."
        )


def check_input(size: int | None, shape: str | None) -> None:
    """Check that the input is stated once."""
    if size is not None and shape is not None:
        raise ConfigError(f"--input-size {size} and --input-shape {shape} both state the input: omit one.")


def check_addresses(fields: Mapping[str, object]) -> None:
    """Check that no address holds a secret: whatever is configured goes into ledger, summary and report.

    Args:
        fields: every field of the configuration by name.
    """
    for name, address in fields.items():
        if isinstance(address, str) and "://" in address:
            _check_address(name, address)


def _check_address(name: str, address: str) -> None:
    option = f"--{name.replace('_', '-')}"
    if redact(address) != address:
        raise ConfigError(
            f"{option} {redact(address)} holds a password or a key, and the configuration is written to the "
            "ledger. Omit it from the address, and set the environment variable of the key instead, such as "
            "VLLM_API_KEY."
        )
    bare = address.partition("?")[0].partition("#")[0]
    if name in ("llm", "llm_base_url") and bare != address:
        raise ConfigError(
            f"{option} {bare} is followed by a query or a fragment, to which the paths of calls cannot be "
            "added and which often holds a key. Omit it, and set the environment variable of the key instead, "
            "such as VLLM_API_KEY."
        )


def check_one_process(ray_address: str | None, workers: int | None, finetune_workers: Workers | None) -> None:
    """Check that the local executor, which has this process alone, is asked for nothing more."""
    for option, value, allowed in (
        ("--ray-address", ray_address, PRIVATE),
        ("--workers", workers, 1),
        ("--finetune-workers", finetune_workers, Workers(1, 1)),
    ):
        if value not in (None, allowed):
            raise ConfigError(
                f"--executor local and {option} {value} contradict each other: the local executor runs "
                "everything in this process. Omit one of them."
            )
