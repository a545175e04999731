"""Models and processes as users name them."""

import pytest

from ablations.resources.models.errors import ModelNamesError
from ablations.resources.models.named import NamedModel, named_models
from ablations.resources.models.server_pids import server_pids

TWO = named_models(large="ollama:codellama", small="ollama:tinyllama")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("large=ollama:codellama,small=ollama:tinyllama", TWO),
        (" large = ollama:codellama , small=ollama:tinyllama", TWO),
        ("a=ollama:x@http://127.0.0.1:1?k=v", (("a", "ollama:x@http://127.0.0.1:1?k=v"),)),
        ("a=scripted:with,comma.json,b=gpt-5", (("a", "scripted:with,comma.json"), ("b", "gpt-5"))),
        ("mid-7.1_b=claude-x", (("mid-7.1_b", "claude-x"),)),
    ],
)
def test_names_and_models(given: str, expected: tuple[tuple[str, str], ...]) -> None:
    assert named_models(given) == expected


def test_the_short_forms_come_first_and_go_with_others() -> None:
    got = named_models("mid=ollama:m", small="ollama:s", large="ollama:l")
    assert got == (("large", "ollama:l"), ("small", "ollama:s"), ("mid", "ollama:m"))


@pytest.mark.parametrize(
    ("models", "large", "says"),
    [
        (None, None, "No model was named"),
        ("", None, "--models holds ''"),
        ("ollama:codellama", None, "--models holds 'ollama:codellama'"),
        (",large=a", None, "--models holds ''"),
        ("7b=ollama:x", None, "--models holds '7b=ollama:x'"),
        ("a b=ollama:x", None, "begins with a letter"),
        ("large=", None, "The model 'large' is empty"),
        ("large=a,large=b", None, "Two models have the name 'large': 'a' and 'b'"),
        ("large=a", "c", "Two models have the name 'large': 'c' and 'a'"),
    ],
)
def test_a_bad_name_is_quoted_and_a_good_one_shown(models: str | None, large: str | None, says: str) -> None:
    with pytest.raises(ModelNamesError) as raised:
        named_models(models, large=large)
    assert says in str(raised.value)
    assert "ollama:" in str(raised.value)


ME = 1  # runs everywhere, and is the same for all workers of the tests


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, {}),
        (f"{ME}", {"large": ME, "small": ME}),
        (f"small={ME}", {"small": ME}),
        (f" large={ME}, small = {ME}", {"large": ME, "small": ME}),
    ],
)
def test_processes(given: str | None, expected: dict[str, int]) -> None:
    assert server_pids(given, TWO) == expected


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("ollama", "has 'ollama', and no process of that number"),
        ("0", "has '0'"),
        ("-5", "has '-5'"),
        (f"{2**22 + 5}", "no process of that number runs here"),
        (f"mid={ME}", "names the model 'mid', and the models are large, small"),
        (f"large={ME},{ME}", f"names the model '{ME}'"),
        ("large=x", "has 'x'"),
    ],
)
def test_a_process_that_is_none_is_quoted(given: str, says: str) -> None:
    with pytest.raises(ModelNamesError) as raised:
        server_pids(given, TWO)
    assert says in str(raised.value)
    assert repr(given) in str(raised.value)


def test_a_named_model_is_a_pair() -> None:
    assert NamedModel("large", "x") == ("large", "x")
