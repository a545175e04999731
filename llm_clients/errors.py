"""What a user can get wrong about an LLM. A vendor's fault is never raised: it is a `Completion` with an outcome."""


class LLMError(ValueError):
    """Base of every error of this room. Plain arguments only, so that it survives pickling."""


class LLMConfigurationError(LLMError):
    """The request cannot be made as asked for: unknown model name, missing base URL, contradicting limits."""


class MissingKeyError(LLMConfigurationError):
    """No API key. Names the environment variable, never a value."""

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
