"""Targets and bands as users write them, and what is on target."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.errors import ConfigError
from search.space.budget import Budget, parse_band, parse_target


@pytest.mark.parametrize(
    ("text", "macs"),
    [
        ("2.06", 2_060_000_000),
        ("2.06G", 2_060_000_000),
        ("2.06 GMACs", 2_060_000_000),
        ("230M", 230_000_000),
        ("900k", 900_000),
        ("10%", 410_000_000),
        (".5g", 500_000_000),
        ("1e-3", 1_000_000),
    ],
)
def test_targets_as_users_write_them(text: str, macs: int) -> None:
    assert parse_target(text, baseline_macs=4_100_000_000) == macs


@pytest.mark.parametrize("text", ["", "abc", "-1", "0", "0%", "2.06T", "nan", "inf", "1 2", "2,06"])
def test_an_invalid_target_is_quoted(text: str) -> None:
    with pytest.raises(ConfigError, match="is not an amount of MACs") as caught:
        parse_target(text, baseline_macs=100)
    assert repr(text) in str(caught.value)


def test_the_band_of_the_published_loop() -> None:
    budget = Budget(1000)
    assert budget.band_macs == (950, 1010)
    assert [budget.holds(macs) for macs in (949, 950, 1010, 1011)] == [False, True, True, False]


@pytest.mark.parametrize("band", [(0.01, 0.01), (0.02, -0.02), (0.01, 0.05), (-0.05, -0.01)])
def test_an_empty_band_is_refused(band: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="band"):
        Budget(1000, band)


@pytest.mark.parametrize("text", ["-5%,+1%", "-0.05,0.01", " -5% , 1% "])
def test_bands_as_users_write_them(text: str) -> None:
    assert parse_band(text) == pytest.approx((-0.05, 0.01))


@pytest.mark.parametrize("text", ["5%", "a,b", "1,2,3", "", "nan,1"])
def test_an_invalid_band_is_quoted(text: str) -> None:
    with pytest.raises(ConfigError, match="is not two edges"):
        parse_band(text)


@given(st.integers(1, 10**12), st.floats(0.001, 0.5), st.floats(0.001, 0.5))
def test_the_target_lies_in_every_band(target: int, below: float, above: float) -> None:
    assert Budget(target, (-below, above)).holds(target)
