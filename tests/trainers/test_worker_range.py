"""A number of workers, or a range, as users and ledgers write it."""

import pytest
from pydantic import BaseModel, ValidationError

from trainers.workers import Workers


class Holder(BaseModel):
    """As a configuration holds it."""

    workers: Workers | None = None


@pytest.mark.parametrize(
    ("given", "workers", "written", "words"),
    [
        (4, Workers(4, 4), "4", "4 workers"),
        ("1", Workers(1, 1), "1", "1 worker"),
        ("2-8", Workers(2, 8), '"2-8"', "2 to 8 workers"),
        (" 3-3 ", Workers(3, 3), "3", "3 workers"),
        (None, None, "null", ""),
    ],
)
def test_what_is_read_is_written_again(given: object, workers: Workers | None, written: str, words: str) -> None:
    """A number is a number in a ledger, as it was before there were ranges."""
    held = Holder.model_validate({"workers": given})
    assert held.workers == workers
    assert held.model_dump_json() == f'{{"workers":{written}}}'
    assert Holder.model_validate_json(held.model_dump_json()) == held
    assert workers is None or workers.named() == words


@pytest.mark.parametrize("given", [0, -1, "0", "8-2", "2-", "-8", "2-8-9", "two", 1.5, True, "1e3", "999999", []])
def test_what_is_no_range_is_refused(given: object) -> None:
    with pytest.raises(ValidationError, match=r"number (of workers )?from 1 on"):
        Holder.model_validate({"workers": given})


def test_a_range_that_finds_no_room_comes_down_to_its_least() -> None:
    workers, asked = Workers(2, 9), []
    while workers.most > workers.least:
        workers = workers.narrowed()
        asked.append(workers.most)
    assert asked == [5, 3, 2]
    assert workers.narrowed() == Workers(2, 2)
