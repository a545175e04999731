"""What a search says before it starts."""

from types import SimpleNamespace

import pytest

import cli.running
from search.setup.config import RunConfig


@pytest.mark.parametrize(("gpus", "round_to", "told"), [(True, 1, True), (True, 8, False), (False, 1, False)])
def test_a_gpu_and_any_widths_are_a_word_about_latency(
    gpus: bool, round_to: int, told: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    launch = SimpleNamespace(
        config=RunConfig(round_to=round_to),
        needs=SimpleNamespace(any_gpu=gpus, describe=lambda: "two trials at once"),
        folder=SimpleNamespace(run_id="first"),
        placed_by_variable=False,
        weights=None,
        images=None,
    )
    monkeypatch.setattr(cli.running, "begin", lambda _: launch)
    monkeypatch.setattr(cli.running, "_execute", lambda _: None)
    cli.running.start_run(launch.config)
    captured = capsys.readouterr()
    assert ("--round-to 8" in " ".join((captured.out + captured.err).split())) is told
