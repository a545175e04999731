"""Creates the client for a model's name on the command line."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from llm_clients.addresses import check_key, check_transport, full_url, ollama_url
from llm_clients.client import LLMClient
from llm_clients.errors import LLMConfigurationError, MissingKeyError
from llm_clients.limiter import AdaptiveLimiter
from llm_clients.options import ClientOptions
from llm_clients.prices import Price, PriceBook, load_prices
from llm_clients.redaction import Redactor, Secret, secrets_of
from llm_clients.remote import RemoteClient
from llm_clients.replay import ReplayClient
from llm_clients.request import Json
from llm_clients.servers import is_local
from llm_clients.vendors.base import Vendor

if TYPE_CHECKING:
    from llm_clients.vendors.anthropic import AnthropicVendor
    from llm_clients.vendors.ollama import OllamaVendor
    from llm_clients.vendors.openai import OpenAIVendor

KEY_VARIABLES = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "VLLM_API_KEY")

EXAMPLES = (
    "claude-…, gpt-…, openrouter:meta-llama/…, ollama:codellama, vllm:NAME@http://host:port/v1, scripted:FILE "
    "and replay:RUN"
)


def _anthropic() -> type[AnthropicVendor]:
    from llm_clients.vendors.anthropic import AnthropicVendor

    return AnthropicVendor


def _openai() -> type[OpenAIVendor]:
    from llm_clients.vendors.openai import OpenAIVendor

    return OpenAIVendor


def _openrouter() -> type[OpenAIVendor]:
    from llm_clients.vendors.openai import OpenRouterVendor

    return OpenRouterVendor


def _vllm() -> type[OpenAIVendor]:
    from llm_clients.vendors.openai import VLLMVendor

    return VLLMVendor


def _ollama() -> type[OllamaVendor]:
    from llm_clients.vendors.ollama import OllamaVendor

    return OllamaVendor


@dataclass(frozen=True, slots=True)
class Service:
    """Where a family of models is served, and which environment variables configure it.

    Attributes:
        vendor: imports and returns the vendor's class. Its SDK takes seconds to import, and a search that asks no
            model must not wait for that.
        key_variable: the variable that holds the key; None when no key is needed.
        url_variables: variables that may hold the base URL; the first that is set counts. The names are the SDKs' own.
        default_url: the URL if none is given; None when the user must give one.
        key_needed: whether the service refuses calls without a key.
        complete_url: completes a URL as the service's own tools do, given where it was found.
    """

    vendor: Callable[[], type[AnthropicVendor] | type[OpenAIVendor] | type[OllamaVendor]]
    key_variable: str | None
    url_variables: tuple[str, ...]
    default_url: str | None
    key_needed: bool = True
    complete_url: Callable[[str, str], str] = full_url


SERVICES: Mapping[str, Service] = {
    "anthropic": Service(_anthropic, "ANTHROPIC_API_KEY", ("ANTHROPIC_BASE_URL",), "https://api.anthropic.com"),
    "openai": Service(_openai, "OPENAI_API_KEY", ("OPENAI_BASE_URL",), "https://api.openai.com/v1"),
    "openrouter": Service(_openrouter, "OPENROUTER_API_KEY", ("OPENROUTER_BASE_URL",), "https://openrouter.ai/api/v1"),
    "ollama": Service(_ollama, None, ("OLLAMA_HOST",), "127.0.0.1", key_needed=False, complete_url=ollama_url),
    "vllm": Service(_vllm, "VLLM_API_KEY", ("VLLM_BASE_URL",), None, key_needed=False),
}


def connect(
    model: str,
    *,
    base_url: str | None = None,
    env: Mapping[str, str] = os.environ,
    options: ClientOptions | None = None,
    prices: PriceBook | None = None,
    recorded: Iterable[Mapping[str, Json]] | None = None,
) -> LLMClient:
    """Create the client for a model. No call is made.

    Args:
        model: a name as on the command line, such as `claude-…`, `ollama:NAME` or `scripted:FILE`.
        base_url: of the service; None takes it from the name, the environment or the service's default.
        env: environment variables with keys and base URLs.
        options: None takes the defaults.
        prices: None takes the shipped ones.
        recorded: payloads of the `llm_call` events that `replay:RUN` repeats. The caller reads them, because this room
            does not know ledgers.

    Raises:
        MissingKeyError: the service needs a key that `env` does not hold.
        LLMConfigurationError: the name is unknown, the base URL is missing, or there is a cost limit and the model's
            price is not known; or the key or the address cannot be used.
    """
    options = ClientOptions() if options is None else options
    kind, _, rest = model.partition(":")
    if kind == "scripted" and rest:
        return _connect_scripted(model, Path(rest), options)
    if kind == "replay" and rest:
        return _connect_replay(model, recorded)
    service, name, own_url = _resolve(model)
    vendor = _vendor(SERVICES[service], model, name, base_url or own_url, env, options)
    return RemoteClient(model, vendor, _complete_terms(options, vendor, prices))


def given_server(model: str, base_url: str | None) -> str | None:
    """The address that a configuration itself gives to its model's server.

    Args:
        model: a name as on the command line.
        base_url: of the service, if one was given.

    Returns:
        The address as it was given; None if the environment or the service's default decides, or nothing is asked.
    """
    if model.partition(":")[0] in ("scripted", "replay"):
        return None
    return base_url or _resolve(model)[2]


def _resolve(model: str) -> tuple[str, str, str | None]:
    """The service, the name to send to it, and the base URL that the name contains, if any."""
    service, colon, rest = model.partition(":")
    if colon and service in SERVICES and rest:
        name, at, url = rest.partition("@") if service in ("vllm", "ollama") else (rest, "", "")
        return service, name, url if at else None
    for prefix, owner in _FAMILIES.items():
        if model.startswith(prefix):
            return owner, model, None
    if model in _SHORT_NAMES:
        return _SHORT_NAMES[model]
    raise LLMConfigurationError(f"no LLM is known by the name {model!r}. Names that would work: {EXAMPLES}")


_FAMILIES = {
    "claude": "anthropic",
    "gpt": "openai",
    "chatgpt": "openai",
    "o1": "openai",
    "o3": "openai",
    "o4": "openai",
}

# names that the papers' own scripts use
_SHORT_NAMES: Mapping[str, tuple[str, str, str | None]] = {
    "llama-3-70b": ("openrouter", "meta-llama/llama-3-70b-instruct", None),
}


def _vendor(
    service: Service, model: str, name: str, given_url: str | None, env: Mapping[str, str], options: ClientOptions
) -> Vendor:
    variable = next((each for each in service.url_variables if env.get(each)), None)
    url, source = given_url, "the base URL"
    if url is None and variable is not None:
        url, source = env[variable], variable
    url = url or service.default_url
    if url is None:
        raise LLMConfigurationError(
            f"{model!r} needs to know where its server is: write {model}@http://host:port/v1, or give a base URL"
        )
    url = service.complete_url(url, source)
    key = env.get(service.key_variable or "", "")
    if service.key_needed and not key:
        raise MissingKeyError(model, service.key_variable or "")
    if key and service.key_variable:
        check_key(key, service.key_variable)
        check_transport(url, service.key_variable, plain_http=options.plain_http)
    redactor = Redactor(*secrets_of(env, KEY_VARIABLES))
    # the SDK insists on some key even where the server takes none
    return service.vendor()(name, Secret(key or "no-key-needed"), url, redactor)


def _complete_terms(options: ClientOptions, vendor: Vendor, prices: PriceBook | None) -> ClientOptions:
    """The price of the model and the shared limiter of the endpoint, where the options leave them open."""
    price = options.price
    if price is None and is_local(vendor.endpoint):
        price = Price(0.0, 0.0)  # a server on this machine charges nothing
    elif price is None:
        price = (prices or load_prices()).price(vendor.model)
    return replace(options, price=price, limiter=options.limiter or _limiter(vendor))


def _limiter(vendor: Vendor) -> AdaptiveLimiter:
    """One limiter per model and endpoint: vendors limit by model, and all clients of this process count together."""
    with _LIMITERS_LOCK:
        return _LIMITERS.setdefault((vendor.endpoint, vendor.model), AdaptiveLimiter())


_LIMITERS: dict[tuple[str, str], AdaptiveLimiter] = {}
_LIMITERS_LOCK = threading.Lock()


def _connect_scripted(model: str, path: Path, options: ClientOptions) -> LLMClient:
    # imported late: a real model needs no scripted server
    from llm_clients.scripted.client import ScriptedClient
    from llm_clients.scripted.script import load_script

    return ScriptedClient(model, load_script(path), options)


def _connect_replay(model: str, recorded: Iterable[Mapping[str, Json]] | None) -> LLMClient:
    if recorded is None:
        raise LLMConfigurationError(f"{model!r} needs the recorded calls of that run; none were given")
    return ReplayClient(model, recorded)
