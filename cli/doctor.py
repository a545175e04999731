"""The verb `doctor`: is everything there that a search needs, before any of it costs something?"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from os import environ
from pathlib import Path
from typing import Annotated

import typer

from cli.checks import Check, State, check_disk, check_machine, check_mlflow, check_ray, check_sandbox, worst
from cli.console import say, say_json, show_table
from cli.errors import BAD_INPUT
from cli.option_types import JsonOption, RayAddressOption, RunsOption, TrackingUriOption
from cli.placing import ray_address_of
from llm_clients.errors import LLMError, MissingKeyError
from llm_clients.kinds import CallOutcome
from llm_clients.options import ClientOptions
from llm_clients.probe import Probe, probe
from llm_clients.redaction import redact
from llm_clients.registry import KEY_VARIABLES, connect
from search.setup.config import RunConfig
from search.setup.replaying import PREFIX, recorded_calls
from tracking.errors import TrackingError

MAX_TOKENS: int = RunConfig.model_fields["llm_max_tokens"].default
ATTEMPTS = 2
"""Fewer than a search's, because the user waits. The time for one answer and its length are a search's own."""

ADVICE: Mapping[CallOutcome, str] = {
    CallOutcome.UNAUTHORISED: "the key is wrong, or not valid for this model: create a new one",
    CallOutcome.FORBIDDEN: "the vendor does not serve this place, or a gateway refuses: ask from another place",
    CallOutcome.WRONG_ADDRESS: "correct the address (--llm-base-url): it often ends in /v1",
    CallOutcome.OUT_OF_QUOTA: "add credit to the vendor's account, or name another model",
    CallOutcome.UNKNOWN_MODEL: "name one of the models that the server has",
    CallOutcome.UNREACHABLE: (
        "check that the server is up and its address right (--llm-base-url); a slow one needs a longer --llm-timeout"
    ),
    CallOutcome.RATE_LIMITED: "wait, or ask the vendor for a higher limit",
    CallOutcome.MALFORMED: "the address answers, but not as an LLM: check it, it often ends in /v1",
    CallOutcome.INVALID: "the model does not follow a JSON schema: a search would waste its calls, name another",
    CallOutcome.TRUNCATED: "raise --llm-max-tokens if the model thinks for long, or name another",
    CallOutcome.REJECTED: "the server does not accept such requests: see its documentation, or name another model",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """How a model is asked; the defaults are a search's.

    Attributes:
        timeout_s: seconds to wait for one answer; None takes the default for where the server is.
        max_tokens: most output tokens.
        plain_http: whether a key may go to another machine over plain HTTP.
    """

    timeout_s: float | None = None
    max_tokens: int = MAX_TOKENS
    plain_http: bool = False


AS_A_SEARCH = Limits()


def command(
    llm: Annotated[list[str] | None, typer.Option(help="Model to ask one small question; may be repeated.")] = None,
    llm_base_url: Annotated[str | None, typer.Option(help="Another server that speaks the same wire format.")] = None,
    llm_timeout: Annotated[
        float | None, typer.Option(min=0.001, help="Seconds to wait for one answer; default: as a search.")
    ] = None,
    llm_max_tokens: Annotated[int, typer.Option(min=64, help="Most output tokens; default: as a search.")] = MAX_TOKENS,
    llm_plain_http: Annotated[bool, typer.Option(help="Let a key go to another machine over plain HTTP.")] = False,
    runs: RunsOption = Path("runs"),
    tracking_uri: TrackingUriOption = None,
    ray_address: RayAddressOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check before anything is spent, and say what to do. Exit code 2 when something failed."""
    limits = Limits(llm_timeout, llm_max_tokens, llm_plain_http)
    checks = (
        *check_machine(),
        *check_disk(runs),
        *_check_ray(ray_address_of(ray_address), runs),
        check_mlflow(tracking_uri, runs),
        check_sandbox(),
        *([check_llm(name, llm_base_url, runs, limits=limits) for name in llm or ()] or [_keys(environ)]),
    )
    if as_json:
        say_json({"state": worst(checks).value, "checks": [asdict(check) for check in checks]})
    else:
        _show(checks)
    if worst(checks) is State.FAILED:
        raise typer.Exit(BAD_INPUT)


def _check_ray(address: str | None, runs: Path) -> tuple[Check, ...]:
    if address is None:
        return (check_ray(None),)
    from cli.cluster_checks import check_cluster

    return check_cluster(address, runs)


def check_llm(
    llm: str,
    base_url: str | None,
    runs: Path,
    environment: Mapping[str, str] = environ,
    limits: Limits = AS_A_SEARCH,
) -> Check:
    """Ask a model one small question, which tests key, address, name and structured output.

    Args:
        llm: as a search names it.
        base_url: another server that speaks the same wire format.
        runs: folder of the run folders, for a replay.
        environment: holds the keys.
        limits: of the call.
    """
    name = f"LLM {redact(llm.partition('?')[0])}"  # an address in it may hold a password or a key
    kind = llm.partition(":")[0]
    try:
        recorded = recorded_calls(llm, runs, ())
        options = ClientOptions(
            attempts=ATTEMPTS, sample_server=False, timeout_s=limits.timeout_s, plain_http=limits.plain_http
        )
        with connect(llm, base_url=base_url, env=environment, options=options, recorded=recorded) as client:
            if llm.startswith(PREFIX):
                return Check(name, State.OK, f"{len(recorded or ())} recorded calls; nothing is asked")
            if kind == "scripted":
                return Check(name, State.OK, "the script can be played; a scripted server answers, no model")
            return _probed(name, probe(client, limits.max_tokens))
    except MissingKeyError as error:
        return Check(name, State.FAILED, str(error), f"export {error.variable}=…")
    except (LLMError, TrackingError) as error:
        return Check(name, State.FAILED, str(error), "name a model as `search --help` shows")


def _probed(name: str, found: Probe) -> Check:
    if not found.usable:
        return Check(name, State.FAILED, f"{found.outcome.value}: {found.detail}", ADVICE.get(found.outcome, ""))
    cost = "price unknown" if found.cost_usd is None else f"${found.cost_usd:.5f}"
    left_out = f"; takes no {', '.join(found.not_sent)}" if found.not_sent else ""
    description = f"{found.model} answered in {found.latency_s:.1f} s, {cost}; structure by {found.mode}{left_out}"
    if found.cost_usd is None:
        return Check(name, State.WARNING, description, "--max-cost needs its price: --prices FILE")
    return Check(name, State.OK, description)


def _keys(environment: Mapping[str, str]) -> Check:
    """Which keys are set. No vendor is asked, and no value is shown."""
    present = [variable for variable in KEY_VARIABLES if environment.get(variable)]
    found = f"set: {', '.join(present)}" if present else "none set"
    return Check("LLM keys", State.OK, found, "name a model with --llm to have it asked")


def _show(checks: Sequence[Check]) -> None:
    show_table(
        "What a search would find here",
        ("check", "state", "found", "what to do"),
        [(check.name, check.state.value, check.found, check.advice) for check in checks],
        text=("check", "state", "found", "what to do"),
    )
    say({State.OK: "All is well.", State.WARNING: "A search can run.", State.FAILED: "Not ready."}[worst(checks)])
