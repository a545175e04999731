"""A fine-tune waits for room that others have, and says so."""

import time

import pytest
import ray
from ray.util.placement_group import placement_group, remove_placement_group

from trainers.cluster.room import await_room, describe_wait

pytestmark = pytest.mark.ray


@pytest.fixture(autouse=True)
def _room_of_former_tests(ray_session: None) -> None:
    """The session is shared: actors of the test before may still be ending."""
    while ray.available_resources().get("CPU", 0) < 2:
        time.sleep(0.05)


def cpus_held() -> int:
    """By groups that were made and not removed, in this session."""
    groups = ray.util.placement_group_table().values()
    return sum(len(group["bundles"]) for group in groups if group["state"] == "CREATED")


def test_room_that_is_there_is_not_waited_for_and_is_free_afterwards(ray_session: None) -> None:
    said: list[str] = []
    before = cpus_held()
    await_room(2, {"CPU": 1}, said.append)
    assert said == []
    assert cpus_held() == before


def test_room_that_others_have_is_waited_for(ray_session: None) -> None:
    """As beside another fine-tune on the same node: it begins once that has ended."""
    other = placement_group([{"CPU": 1}] * 2)
    ray.get(other.ready())
    said: list[str] = []

    def end_the_other(line: str) -> None:
        said.append(line)
        remove_placement_group(other)

    def not_wanted() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await_room(1, {"CPU": 1}, lambda line: None, not_wanted)
    await_room(1, {"CPU": 1}, end_the_other)
    assert len(said) == 1
    assert said[0].startswith("the fine-tune waits for 1 CPUs, and 0 CPUs of the Ray cluster are free: it begins once")


def test_what_is_waited_for_is_said_in_whole_numbers() -> None:
    text = describe_wait(4, {"CPU": 2, "GPU": 1}, {"CPU": 3.0})
    assert "waits for 8 CPUs and 4 GPUs, and 3 CPUs and 0 GPUs of the Ray cluster are free" in text
