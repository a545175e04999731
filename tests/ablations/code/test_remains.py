"""What is left of a computation, by expressions worked out by hand."""

import ast

import pytest

from ablations.code.gates.remains import assigned, is_left_of


def expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ("x", "x"),
        ("x", "f(x)"),
        ("x", "f(g(x), y)"),
        ("f(x)", "f(g(x))"),
        ("f(x, 0.2)", "f(g(x), 0.2)"),
        ("x", "x.relu()"),
        ("x", "x + y"),
        ("y", "x + y"),
        ("x", "x - y"),
        ("x + f(y)", "x + f(g(y))"),
        ("x + 0", "x + f(y)"),
        ("x * 1", "x * f(y)"),
        ("x", "x[1:]"),
        ("f(x)[1]", "f(g(x))[1]"),
        ("x", "x if flag else y"),
        ("[a]", "[a, b]"),
        ("(a, c)", "(a, b, c)"),
        ("nn.Sequential(a, c)", "nn.Sequential(a, b, c)"),
        ("nn.Sequential(a, nn.Identity(), c)", "nn.Sequential(a, b(), c)"),
        ("-x", "-f(x)"),
    ],
)
def test_it_is_left(new: str, old: str) -> None:
    assert is_left_of(expression(new), expression(old))


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ("y", "x"),
        ("f(x)", "x"),
        ("y", "f(x, y)"),  # what it works with is not what it hands on
        ("f(x)", "f(x, 0.2)"),
        ("f(x, 0.3)", "f(x, 0.2)"),
        ("f(y, x)", "f(x, y)"),
        ("f(x, a=1)", "f(x, b=1)"),
        ("f(x)", "g(x)"),
        ("x + x", "x + f(x)"),
        ("y - x", "x - y"),
        ("y", "x - y"),
        ("x * y", "x + y"),
        ("0.1", "x + 0.1"),
        ("0.1", "0.1 * x"),
        ("-x", "x"),
        ("x", "-x"),
        ("x + 1", "x + f(y)"),
        ("x * 0", "x * f(y)"),
        ("self", "self.f(x)"),
        ("torch", "torch.relu(x)"),
        ("x[2:]", "x[1:]"),
        ("[b, a]", "[a, b]"),
        ("[a, a]", "[a, b]"),
        ("nn.Sequential(a, a)", "nn.Sequential(a, b)"),
        ("f(a)", "f(a, b)"),
    ],
)
def test_it_is_not_left(new: str, old: str) -> None:
    assert not is_left_of(expression(new), expression(old))


def wholes(text: str) -> list[tuple[str, str]]:
    return [(one.target, ast.unparse(one.whole)) for one in assigned(ast.parse(text).body)]


def test_values_of_names_are_put_in_their_places() -> None:
    assert wholes("y = drop(x)\nx = x + part(y)\nx += y") == [
        ("y", "drop(x)"),
        ("x", "x + part(drop(x))"),
        ("x", "x + part(drop(x)) + drop(x)"),
    ]


def test_a_name_that_a_loop_or_a_branch_binds_has_no_one_value() -> None:
    assert wholes("y = f(x)\nfor z in zs:\n    y = g(y)\n    w = y\nv = y") == [
        ("y", "f(x)"),
        ("y", "g(y)"),
        ("w", "g(y)"),
        ("v", "y"),
    ]


def test_targets_of_every_kind_are_named() -> None:
    text = "a, b = f(x)\nself.c = g(x)\nd: int = 1\ndef h(x):\n    return x\n"
    assert [target for target, _ in wholes(text)] == ["a", "b", "self.c", "d", "return"]


def test_a_value_that_grows_too_large_is_left_as_it_is_written() -> None:
    text = "\n".join(["x = x + x"] * 40)
    assert max(map(len, (shown for _, shown in wholes(text)))) < 20_000
