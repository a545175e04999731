"""Ray's workers beside other programs."""

import os

import pytest


@pytest.mark.ray
def test_workers_have_the_niceness_of_their_driver(ray_session: None) -> None:
    """Nicer ones starve beside one busy process, and a trial does not begin for minutes."""
    import ray

    def niceness() -> int:
        return os.nice(0)

    assert ray.get(ray.remote(num_cpus=1)(niceness).remote()) == niceness()
