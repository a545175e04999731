"""Commands that are shown to be pasted: complete, and quoted for a shell in the present folder."""

import os
import shlex
from pathlib import Path

from cli.called import program
from pruning.factories import is_factory
from tracking.runs import RunDir
from tracking.stores import URI_VARIABLE
from tracking.uris import without_password


def resume_line(folder: RunDir) -> str:
    """Return the command that goes on with a run."""
    return f"{program()} resume {_named(folder)}"


def sync_study_line(folder: Path) -> str:
    """Return the command that brings MLflow up to date with a study, which is named by its folder."""
    return f"{program()} sync {shlex.quote(str(folder))}"


def sync_line(folder: RunDir) -> str:
    """Return the command that brings MLflow up to date; the run itself records its store and experiment."""
    return f"{program()} sync {_named(folder)}"


def evaluate_line(checkpoint: Path, model: str, dataset: str, data_path: Path | None) -> str:
    """Return the command that scores a checkpoint on the test set of the dataset that it was trained on.

    Args:
        checkpoint: its folder.
        model: what it names as its model; an own factory has to be named again by whoever opens it.
        dataset: as the registry knows it.
        data_path: its folder, where it reads one.
    """
    trusted = ["--trust-factory", model] if is_factory(model) else []
    words = ["evaluate", "--checkpoint", str(checkpoint), *_data(dataset, data_path), *trusted]
    return f"{program()} {shlex.join(words)}"


def search_line(base: Path, model: str, dataset: str, data_path: Path | None, seed: int, input_size: int | None) -> str:
    """Return the command that prunes a base which was trained here, with the same holdout left out."""
    size = [] if input_size is None else ["--input-size", str(input_size)]
    words = ["search", "--model", model, "--base", str(base), *_data(dataset, data_path), "--seed", str(seed), *size]
    return f"{program()} {shlex.join(words)}"


def _data(dataset: str, data_path: Path | None) -> list[str]:
    return ["--dataset", dataset, *([] if data_path is None else ["--data-path", str(data_path)])]


def ui_line(shown_uri: str) -> str:
    """Return where MLflow shows a store: its own address, or the command that shows a database.

    Args:
        shown_uri: The address of the store, without its password.
    """
    if shown_uri.startswith("http"):
        return shown_uri
    exported = os.environ.get(URI_VARIABLE, "").strip()
    if "***" in shown_uri and without_password(exported) == shown_uri:
        return f'{program()} ui --tracking-uri "${URI_VARIABLE}"'
    return f"{program()} ui --tracking-uri {shlex.quote(shown_uri)}"


def _named(folder: RunDir) -> str:
    """Name a run, with the folder of runs unless that is the default of the present folder."""
    runs = folder.path.absolute().parent
    if runs == Path("runs").absolute():
        return shlex.quote(folder.run_id)
    shown = runs.relative_to(Path.cwd()) if runs.is_relative_to(Path.cwd()) else runs
    return f"{shlex.quote(folder.run_id)} --runs {shlex.quote(str(shown))}"
