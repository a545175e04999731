"""Errors that a user can make about an LLM. A vendor's fault is not raised: it is a `Completion` with an outcome."""


class LLMError(ValueError):
    """Base of every error of this room. It takes plain arguments only, so that it survives pickling."""


class LLMConfigurationError(LLMError):
    """The request cannot be made as asked for: unknown model name, missing base URL, contradicting limits."""


class MissingKeyError(LLMConfigurationError):
    """An API key is missing. The message names the environment variable and never a value."""

    def __init__(self, model: str, variable: str) -> None:
        super().__init__(model, variable)
        self.model = model
        self.variable = variable

    def __str__(self) -> str:
        return (
            f"{self.model!r} needs an API key: set the environment variable {self.variable}. "
            "Without a key, `scripted:FILE` rehearses against a scripted server, and `rules` proposes without an LLM."
        )


class ScriptError(LLMConfigurationError):
    """A scripted server's file cannot be read or is not a valid script."""
