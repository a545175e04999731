"""No text of a model, a file or a server makes a terminal obey or forges a line of a log."""

import io
import logging
import re
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli import logs
from cli.console import (
    PlainConsole,
    console,
    error_console,
    say,
    say_aside,
    say_document,
    say_error,
    say_json,
    say_note,
    say_trace,
    show_table,
)
from cli.errors import run_guarded
from cli.plain import one_line, plain
from cli.progress import ProgressView
from search.errors import ConfigError
from tracking.events import Event
from tracking.kinds import DecisionKind
from tracking.payloads import Decision

HARMFUL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
NASTY = (
    "\x1b]0;title\x07",
    "\x1b[2J\x1b[H",
    "\x9b31m",
    "a\rb",
    "a\b\b",
    "\x1bPq\x1b\\",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "a\n  12.0 s  winner: trial 0",
    "\x7f\x00\x85\u2028",
    "\udc80",
    "[bold red]x[/] [link=http://x]y[/link] :smile: a\\[/b]",
)
texts = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=[])),
    st.lists(st.one_of(st.sampled_from(NASTY), st.text())).map("".join),
)


@given(texts)
def test_one_line_is_one_line_and_harmless(text: str) -> None:
    shown = one_line(text)
    assert not HARMFUL.search(shown)
    assert "\n" not in shown
    assert one_line(shown) == shown
    assert not HARMFUL.search(plain(text))


@given(texts)
def test_what_is_fit_to_print_is_printed_as_it_is(text: str) -> None:
    if not HARMFUL.search(text) and not set(text) & set("\t\n") and text.isprintable():
        assert one_line(text) == text


@settings(max_examples=50)
@given(texts)
def test_nothing_printed_is_harmful(text: str) -> None:
    """Through every function that prints, with the console of a terminal, whose own sequences are taken out."""
    for print_it in (
        say,
        say_aside,
        say_json,
        say_document,
        say_note,
        say_trace,
        lambda text: say_error("Error:", text),
        lambda text: show_table(text, ("a", text), [(text, text)], text=("a", text)),
        lambda text: show_table(text, ("a", text), [(text * 20, text * 20)] * 3),
        lambda text: logging.getLogger("x").warning("it says %s", text),
        lambda text: _raise(text, debug=False),
        lambda text: _raise(text, debug=True),
        lambda text: console().print(text, markup=False),
        lambda text: sys.excepthook(ValueError, ValueError(text), None),
    ):
        written = _written(print_it, text)
        assert not HARMFUL.search(written.replace("\n", ""))


@pytest.mark.parametrize("text", NASTY)
def test_an_entry_of_a_log_is_one_line(text: str) -> None:
    for print_it in (say, say_aside, lambda text: say_error("Error:", text)):
        assert _written(print_it, text).count("\n") == 1
    assert _written(lambda text: logging.getLogger("x").warning("it says %s", text), text).count("\n") == 1
    tables = [_written(lambda cell: show_table("x", ("a",), [(cell,)], text=("a",)), cell) for cell in (text, "plain")]
    assert tables[0].count("\n") == tables[1].count("\n"), "nor does it leave its row"
    decided = Decision.model_construct(decision=DecisionKind.STOP, condition=None, reason=text)
    stream = io.StringIO()
    view = ProgressView(4, PlainConsole(file=stream, width=120, highlight=False))
    view.event(Event(1, datetime.now(UTC), decided))
    assert stream.getvalue().count("\n") == 1
    assert not HARMFUL.search(stream.getvalue())


def test_a_terminal_gets_rich_s_own_sequences_and_no_other() -> None:
    stream = io.StringIO()
    on = PlainConsole(file=stream, force_terminal=True, color_system="standard", width=80, highlight=False)
    on.print("\x1b[2Jred", style="red")
    assert "\x1b[31m" in stream.getvalue()
    assert "\x1b[2J" not in stream.getvalue()
    assert "\\x1b[2Jred" in stream.getvalue()


@pytest.mark.parametrize("text", ["a\\[/b]", "[/]", "[bold]x[/bold]", "\\", "a\\", ":smile:", "[link=file:///x]"])
def test_markup_in_a_path_is_printed_as_it_is(text: str) -> None:
    for print_it in (say, say_aside, lambda text: _raise(text, debug=False)):
        assert text in _written(print_it, text)
    assert text in _written(lambda text: show_table(text, ("a",), [("1",)]), text)
    assert text in _written(lambda text: show_table("x", ("a",), [(text,)], text=("a",)), text)


def test_a_traceback_below_a_record_cannot_look_like_one() -> None:
    def log(text: str) -> None:
        try:
            raise ValueError(text)
        except ValueError:
            logging.getLogger("x").exception("it failed")

    lines = _written(log, "no\nerror: root: all is lost").splitlines()
    assert lines[0] == "error: x: it failed"
    assert all(line.startswith(logs.INDENT) for line in lines[1:])


def _raise(text: str, *, debug: bool) -> None:
    def fail() -> int:
        raise ConfigError(text)

    assert run_guarded(fail, debug=debug) == 2


def _written(print_it: object, text: str) -> str:
    """What reaches the two streams."""
    stream = io.StringIO()
    before = sys.stdout, sys.stderr
    root = logging.getLogger()
    handlers = list(root.handlers)
    sys.stdout = sys.stderr = stream
    console.cache_clear()
    error_console.cache_clear()
    try:
        root.handlers = []
        logs.install()
        assert callable(print_it)
        print_it(text)
    finally:
        sys.stdout, sys.stderr = before
        root.handlers = handlers
        console.cache_clear()
        error_console.cache_clear()
    return stream.getvalue()
