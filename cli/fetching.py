"""Checkpoints on the Hugging Face hub: `hf:OWNER/REPO/FILE`, fetched into the hub's own cache."""

import os
import re
from pathlib import Path

from cli.console import say_aside
from pruning.checkpoint import ARCHITECTURE, WEIGHTS
from search.errors import ConfigError

PREFIX = "hf:"
FORMS = "hf:OWNER/REPO/FILE or hf:OWNER/REPO/FOLDER, with @REVISION behind it for a branch, tag or commit"
_NAME = re.compile(r"hf:(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<file>[^@]+?))?/?(?:@(?P<revision>[^@]+))?")
_FILES = (".pth", ".pt", ".safetensors", ".bin", ".ckpt", ".tar")


def fetched(checkpoint: Path) -> Path:
    """The checkpoint on this machine: fetched if it names one on the hub, else as it is.

    A file is fetched as a file; anything else as a folder with model.safetensors and architecture.json. What the hub's
    cache holds already is not fetched again. A private repository needs a token, as `hf auth login` leaves it.

    Raises:
        ConfigError: the name is none, or the hub has no such file, or cannot be reached.
    """
    given = str(checkpoint)
    if not given.startswith(PREFIX):
        return checkpoint
    found = _NAME.fullmatch(given)
    if found is None:
        raise ConfigError(f"--checkpoint {given!r} is no name on the hub: {FORMS} would work.")
    repo, file, revision = found["repo"], found["file"] or "", found["revision"]
    if file.lower().endswith(_FILES):
        return _download(given, repo, file, revision)
    below = f"{file}/" if file else ""
    _download(given, repo, f"{below}{ARCHITECTURE}", revision)
    return _download(given, repo, f"{below}{WEIGHTS}", revision).parent


def _download(given: str, repo: str, file: str, revision: str | None) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    where = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    say_aside(f"{given}: {file} of {repo} from {where}")
    try:
        return Path(hf_hub_download(repo, file, revision=revision, endpoint=os.environ.get("HF_ENDPOINT")))
    except LocalEntryNotFoundError as error:  # an EntryNotFoundError, too
        reason = (
            f"{where} cannot be reached ({_first_line(error.__cause__ or error)}), and the hub's cache does not hold "
            "it. Where there is no network, fetch it elsewhere and name the file itself"
        )
    except GatedRepoError:
        reason = f"{repo} is open only to those whom its owner let in: ask there, and log in with `hf auth login`"
    except RepositoryNotFoundError:
        reason = f"{where} has no repository {repo!r}, or it is private: then log in with `hf auth login`"
    except RevisionNotFoundError:
        reason = f"{repo} has no revision {revision!r}"
    except EntryNotFoundError:
        reason = f"{repo} has no file {file!r}" + (f" in revision {revision!r}" if revision else "")
    except HFValidationError as error:
        reason = f"{_first_line(error)}; {FORMS} would work"
    except (OSError, RuntimeError, ValueError) as error:  # a server's error, a full disk, an address that is none
        reason = f"{type(error).__name__}: {_first_line(error)}"
    raise ConfigError(f"--checkpoint {given} cannot be fetched: {reason}.")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
