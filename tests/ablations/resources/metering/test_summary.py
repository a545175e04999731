"""Averages and peaks calculated by hand, and what a shared interval does not say."""

from collections.abc import Sequence

import pytest

from ablations.resources.metering.instruments import Instruments
from ablations.resources.metering.overlaps import Overlap
from ablations.resources.metering.quantity import Origin
from ablations.resources.metering.readings import Readings
from ablations.resources.metering.summary import summarise, unseen
from ablations.resources.metering.watch import Account, Sample
from tests.ablations.resources.metering.samples import sample

NONE = Instruments(gpus="no GPU", rapl="no RAPL")
ALONE = Overlap(here=1, machine=1)


def account(stat_s: float | str = 1.0, cgroup_s: float | str = "no group", peak: int | str = "no group") -> Account:
    return Account(stat_s, cgroup_s, peak)


def summary(
    samples: Sequence[Sample], overlap: Overlap = ALONE, *, ends: tuple[Account, Account] = (account(), account())
) -> Readings:
    return summarise(samples, ends, overlap, NONE, 0.1)


def test_averages_weigh_by_time_and_not_by_samples() -> None:
    """Memory is 10 for 8 s and 30 for 1 s, with a second between; the samples crowd at the end."""
    samples = [sample(0, memory=10), sample(8, memory=10), sample(9, memory=30), sample(9.5, memory=30)]
    got = summary([*samples, sample(10, memory=30, processes=3)])
    assert got.memory_mean.value == pytest.approx((80 + 20 + 30) / 10)
    assert (got.memory_mean.origin, got.memory_mean.unit) == (Origin.DERIVED, "bytes")
    assert (got.memory_peak.value, got.memory_peak.origin) == (30, Origin.MEASURED)
    assert "3 processes, 5 samples" in got.memory_peak.why


def test_percent_is_of_one_core() -> None:
    got = summary([sample(0, 5.0), sample(1, 7.0), sample(2, 7.5), sample(4, 8.0)])
    assert (got.cpu.value, got.duration.value) == (3.0, 4)
    assert (got.cpu_mean.value, got.cpu_peak.value) == (75.0, 200.0)


def test_two_samples_close_together_are_no_window_of_their_own() -> None:
    got = summary([sample(0, 0.0), sample(0.1, 0.05), sample(0.101, 0.06), sample(0.2, 0.1)])
    assert got.cpu_peak.value == pytest.approx(50)


def test_an_interval_shorter_than_a_window_has_its_average_for_a_peak() -> None:
    got = summary([sample(0, 0.0), sample(0.02, 0.01)])
    assert got.cpu_peak.value == got.cpu_mean.value == pytest.approx(50)


def test_what_a_shared_server_took_belongs_to_no_call() -> None:
    got = summary([sample(0, 0.0, 5), sample(1, 1.0, 7)], Overlap(here=3, machine=3))
    assert (got.shared, got.overlapping) == (True, 3)
    assert (got.cpu.value, got.cpu_mean.value, got.cpu_peak.value) == (None, None, None)
    assert "3 calls were under way on this server at once" in got.cpu.why
    assert got.memory_peak.value == 7, "the server's memory is the server's"
    assert got.checks.sampled_cpu.value == 1.0, "as a check of the series it is still there"


def test_what_all_calls_took_belongs_to_the_batch() -> None:
    got = summary([sample(0, 0.0, rapl_j=1.0), sample(1, 1.0, rapl_j=3.0)], Overlap(here=3, machine=3, batch=True))
    assert (got.cpu.value, got.cpu_energy.value) == (1.0, 2.0)


def test_energy_is_missing_where_another_server_of_the_machine_worked() -> None:
    ends = [sample(0, 0.0, rapl_j=1.0), sample(1, 1.0, rapl_j=3.0)]
    assert summary(ends).cpu_energy.value == 2.0
    beside = summary(ends, Overlap(here=1, machine=2))
    assert (beside.cpu.value, beside.cpu_energy.value, beside.shared) == (1.0, None, False)
    assert "on this machine at once" in beside.cpu_energy.why
    batch = summary(ends, Overlap(here=3, machine=3, batch=True, elsewhere=4))
    assert (batch.cpu.value, batch.cpu_energy.value) == (1.0, None)
    assert batch.cpu_energy.why == "calls on other servers of this machine are in it (4)"


def test_each_check_is_measured_or_says_why_not() -> None:
    ends = account(2.0, 9.0, 50), account(3.1, 10.2, 60)
    checks = summary([sample(0, 0.0), sample(1, 1.0)], ends=ends).checks
    assert [checks.stat_cpu.value, checks.cgroup_cpu.value] == pytest.approx([1.1, 1.2])
    assert checks.cgroup_memory_peak.value == 60
    assert checks.difference(checks.stat_cpu) == pytest.approx(0.1 / 1.1)
    lost = summary([sample(0, 0.0), sample(1, 1.0)], ends=(account(), account("no /proc"))).checks
    assert (lost.stat_cpu.why, lost.cgroup_cpu.why) == ("no /proc", "no group")
    assert lost.difference(lost.stat_cpu) is None


def test_a_long_series_is_thinned_and_its_figures_are_not() -> None:
    samples = [sample(float(at), memory=at, processes=1 + at % 2) for at in range(1000)]
    samples[501] = sample(501.0, memory=9999)
    got = summary(samples)
    assert got.series.taken == 1000
    assert 100 <= len(got.series.at_s) <= 241
    assert {len(column) for column in (got.series.cpu_s, got.series.memory_bytes, got.series.processes)} == {
        len(got.series.at_s)
    }
    assert (got.series.at_s[0], got.series.at_s[-1]) == (0, 999)
    assert got.memory_peak.value == 9999


def test_readings_come_back_from_json_as_they_were() -> None:
    for readings in (summary([sample(0, 0.0), sample(1, 1.0)]), unseen(1.0, ALONE, "elsewhere", 0.05)):
        assert Readings.model_validate_json(readings.model_dump_json()) == readings


def test_a_server_that_nobody_sees_has_a_duration_and_nothing_else() -> None:
    got = unseen(2.5, Overlap(here=2, machine=2), "the server is not on this machine", 0.05)
    assert (got.duration.value, got.shared, got.overlapping) == (2.5, True, 2)
    known = {name for name, value in got if getattr(value, "value", None) is not None}
    assert known == {"duration"}
    assert got.cpu.why == got.gpu_energy.why == "the server is not on this machine"
