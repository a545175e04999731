"""The energy of packages, from files as Linux shows them."""

from pathlib import Path

import pytest

from ablations.resources.metering.errors import NoInstrumentError
from ablations.resources.metering.rapl import Rapl
from tests.ablations.resources.metering.samples import rapl_zone


def test_all_packages_count_and_nothing_inside_or_around_them(tmp_path: Path) -> None:
    first = rapl_zone(tmp_path, "intel-rapl:0", "package-0", 100)
    second = rapl_zone(tmp_path, "intel-rapl:1", "package-1", 200)
    core = rapl_zone(tmp_path, "intel-rapl:0:0", "core", 0)
    platform = rapl_zone(tmp_path, "intel-rapl:2", "psys", 0)
    again = rapl_zone(tmp_path, "intel-rapl-mmio:0", "package-0", 0)
    rapl = Rapl(tmp_path)
    assert rapl.joules() == 0
    for counter, value in ((first, 300_100), (second, 500_200), (core, 900_000), (platform, 900_000), (again, 900_000)):
        counter.write_text(f"{value}\n")
    assert rapl.joules() == pytest.approx(0.8)


def test_a_counter_that_begins_again_loses_nothing(tmp_path: Path) -> None:
    counter = rapl_zone(tmp_path, "intel-rapl:0", "package-0", 900_000)
    rapl = Rapl(tmp_path)
    counter.write_text("100000")
    assert rapl.joules() == pytest.approx(0.2)
    counter.write_text("50000")
    assert rapl.joules() == pytest.approx(0.2 + 0.95)


def test_a_machine_without_counters_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoInstrumentError, match="shows no RAPL counters"):
        Rapl(tmp_path / "powercap")
    rapl_zone(tmp_path, "intel-rapl:0", "psys", 0)
    with pytest.raises(NoInstrumentError, match="no RAPL counter of a processor package"):
        Rapl(tmp_path)


def test_a_counter_for_root_only_says_what_would_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = rapl_zone(tmp_path, "intel-rapl:0", "package-0", 1)
    plain = Path.read_text

    def guarded(path: Path) -> str:
        if path == counter:
            raise PermissionError(13, "Permission denied")
        return plain(path)

    monkeypatch.setattr(Path, "read_text", guarded)
    with pytest.raises(NoInstrumentError, match=r"Linux shows it to root only.*chmod a\+r"):
        Rapl(tmp_path)
