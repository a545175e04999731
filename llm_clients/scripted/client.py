"""`scripted:FILE`: a server in this process, called through a real SDK over a real socket."""

from __future__ import annotations

from dataclasses import replace

from llm_clients.options import ClientOptions
from llm_clients.redaction import Redactor, Secret
from llm_clients.remote import RemoteClient
from llm_clients.scripted.director import Author
from llm_clients.scripted.script import Script, WireName
from llm_clients.scripted.server import ScriptedServer
from llm_clients.vendors.anthropic import AnthropicVendor
from llm_clients.vendors.base import Vendor
from llm_clients.vendors.ollama import OllamaVendor
from llm_clients.vendors.openai import OpenAIVendor, OpenRouterVendor, VLLMVendor


class ScriptedClient(RemoteClient):
    """A remote client that starts its own server and closes it. It uses the script's price, if there is one."""

    def __init__(self, name: str, script: Script, options: ClientOptions, author: Author | None = None) -> None:
        self.server = ScriptedServer(script, author=author)
        price = None if script.price is None else script.price.price()
        super().__init__(name, scripted_vendor(script, self.server.url), replace(options, price=price))

    def close(self) -> None:
        """Close the client, then its server."""
        super().close()
        self.server.close()


def scripted_vendor(script: Script, url: str, wire: WireName | None = None) -> Vendor:
    """The vendor for a scripted server, in the script's wire format or another one."""
    key = Secret(script.key or "scripted-needs-no-key")
    vendor, suffix = _VENDORS[wire or script.wire]
    return vendor(script.model, key, url + suffix, Redactor(key))


_VENDORS: dict[WireName, tuple[type[AnthropicVendor] | type[OpenAIVendor] | type[OllamaVendor], str]] = {
    WireName.ANTHROPIC: (AnthropicVendor, ""),
    WireName.OPENAI: (OpenAIVendor, "/v1"),
    WireName.OPENROUTER: (OpenRouterVendor, "/api/v1"),
    WireName.OLLAMA: (OllamaVendor, ""),
    WireName.VLLM: (VLLMVendor, "/v1"),
}
