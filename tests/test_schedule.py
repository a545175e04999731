"""The order in which the files of tests are begun."""

from pathlib import Path

from tests.schedule import WAITING, in_order

TESTS = Path(__file__).parent


def test_files_that_wait_alternate_with_slow_ones_and_the_quick_come_last() -> None:
    first, second = WAITING[:2]
    files = ["a.py", "slow.py", second, "b.py", first, "slower.py", "slowest.py"]
    assert in_order(files, {"slow.py", "slower.py", "slowest.py", first, second}) == [
        *(first, "slow.py", second, "slower.py", "slowest.py"),
        *("a.py", "b.py"),
    ]


def test_the_files_that_are_named_are_there() -> None:
    assert [name for name in WAITING if not (TESTS / name).is_file()] == []
