"""What is said of a model before it is used."""

from dataclasses import replace
from typing import Any

import pytest

from search.outcome.summary import summarise
from search.outcome.warnings import warnings_of
from tests.tracking.samples import numbered, whole_run
from tracking.events import Event
from tracking.payloads import FinetuneEnded, FinetuneStarted


def ended_at(accuracy: float | None, on_trained: float | None = None) -> tuple[Event, ...]:
    """A run whose winner had 90 % in its trial."""
    recipe = {"lr": 0.08, "batch_size": 1024}
    changes: dict[type, dict[str, Any]] = {
        FinetuneEnded: {"holdout_accuracy": accuracy, "trained_holdout_accuracy": on_trained},
        FinetuneStarted: {"recipe": recipe},
    }
    return tuple(
        replace(event, payload=event.payload.model_copy(update=changes.get(type(event.payload), {})))
        for event in numbered(whole_run())
    )


def test_a_fine_tune_that_ends_below_its_own_trial_is_said() -> None:
    (warning,) = warnings_of(ended_at(0.349))
    assert warning.startswith("The fine-tune made the winner worse: 34.90 % of the holdout after it")
    assert "(2 epochs, batches of 1024, lr 0.08), and 90.00 % in its trial 0" in warning
    assert summarise(ended_at(0.349)).warnings == (warning,)


@pytest.mark.parametrize("accuracy", [0.9, 0.96, None])
def test_otherwise_nothing_is_said(accuracy: float | None) -> None:
    assert list(warnings_of(ended_at(accuracy))) == []


def test_so_is_one_that_does_on_images_that_it_was_trained_on() -> None:
    (warning,) = warnings_of(ended_at(None, 0.349))
    assert "34.90 % of the holdout, whose images were trained on, after it (2 epochs" in warning
    assert "90.00 % in its trial 0, which had not seen them. Train longer" in warning


def test_a_good_score_on_images_that_were_trained_on_is_no_warning() -> None:
    assert list(warnings_of(ended_at(None, 0.99))) == []


def test_nor_before_the_fine_tune_has_ended() -> None:
    events = ended_at(0.349)
    end = next(n for n, event in enumerate(events) if isinstance(event.payload, FinetuneEnded))
    assert list(warnings_of(events[:end])) == []
