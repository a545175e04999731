"""Which model is meant: by its own name, or by vendor and name as the published tool takes them."""

from ablations.code.source.errors import CallError

VENDORS = ("anthropic", "openai")


def model_name(llm: str | None, vendor: str | None, model: str | None) -> str:
    """Return the model's name as `llm_clients.registry.connect` takes it.

    Args:
        llm: Such a name.
        vendor: `-a`.
        model: `-m`: the vendor's name of the model.

    Raises:
        CallError: Neither is given, or both, or half of one.
    """
    if llm is not None:
        if vendor is not None or model is not None:
            raise CallError(f"--llm {llm} names the model already: leave -a and -m out, or leave --llm out.")
        return llm
    if vendor is None or model is None:
        raise CallError("No model was named: give -a anthropic|openai with -m MODEL, or --llm NAME.")
    if vendor not in VENDORS:
        raise CallError(
            f"-a {vendor!r} is no vendor that is known; there are: {', '.join(VENDORS)}. Others go by --llm."
        )
    return f"{vendor}:{model}"
