"""Intervals of real processes: begun, ended, overlapping, and of servers that go and come."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ablations.resources.metering.instruments import Instruments
from ablations.resources.metering.meter import Meter
from ablations.resources.metering.overlaps import Overlaps
from ablations.resources.metering.pool import Finder, Meters
from ablations.resources.metering.rapl import Rapl
from ablations.resources.metering.watch import Watch
from llm_clients.servers import UnseenServerError
from tests.ablations.resources.metering.samples import rapl_zone

NONE = Instruments(gpus="no GPU", rapl="no RAPL")


@pytest.fixture
def start() -> Iterator[Callable[[], "subprocess.Popen[bytes]"]]:
    """Starts processes that do nothing until they are killed."""
    with ExitStack() as started:

        def start() -> "subprocess.Popen[bytes]":
            process = started.enter_context(subprocess.Popen(["sleep", "600"]))
            started.callback(process.kill)
            return process

        yield start


@pytest.fixture
def server(start: Callable[[], "subprocess.Popen[bytes]"]) -> "subprocess.Popen[bytes]":
    return start()


def meter_of(locate: Callable[[], int], every_s: float = 600) -> Meter:
    """A meter whose thread takes no sample between those that a test makes."""
    return Meter(locate, NONE, Overlaps(), every_s)


def metering_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("metering of")]


def test_the_first_sample_is_taken_at_the_begin_and_the_last_at_the_end(server: "subprocess.Popen[bytes]") -> None:
    with meter_of(lambda: server.pid).call() as interval:
        pass
    series = interval.readings.series
    assert (series.taken, series.at_s[0]) == (2, 0.0)
    assert series.at_s[-1] == interval.readings.duration.value
    assert interval.readings.memory_peak.value == max(series.memory_bytes) > 0
    assert metering_threads() == []


def test_the_thread_samples_in_between(server: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch) -> None:
    enough = threading.Event()
    plain = Watch.sample
    seen: list[str] = []

    def counted(watch: Watch) -> object:
        seen.append(threading.current_thread().name)
        if seen.count(f"metering of {server.pid}") == 3:
            enough.set()
        return plain(watch)

    monkeypatch.setattr(Watch, "sample", counted)
    with meter_of(lambda: server.pid, every_s=0.001).call() as interval:
        assert enough.wait(60)
    assert interval.readings.series.taken >= 5
    at_s = interval.readings.series.at_s
    assert list(at_s) == sorted(at_s)


def test_calls_at_once_have_no_part_of_their_own_and_the_batch_has_all(server: "subprocess.Popen[bytes]") -> None:
    meter = meter_of(lambda: server.pid)
    with meter.batch() as batch:
        with meter.call() as first, meter.call() as second:
            pass
        with meter.call() as third:
            pass
    shared = [each.readings.shared for each in (first, second, third, batch)]
    assert shared == [True, True, False, True]
    assert [each.readings.overlapping for each in (first, second, third, batch)] == [2, 2, 1, 2]
    assert [each.readings.cpu.value is None for each in (first, second, third, batch)] == [True, True, False, False]
    assert first.readings.series.taken == 4, "of the server, whoever caused them"
    assert batch.readings.series.taken >= 8


def test_a_server_that_cannot_be_seen_is_missing_with_the_reason_and_its_calls_overlap_all_the_same() -> None:
    def locate() -> int:
        raise UnseenServerError("the server is not on this machine")

    meter = meter_of(locate)
    with meter.call() as first, meter.call():
        pass
    readings = first.readings
    assert (readings.cpu.value, readings.cpu.why) == (None, "the server is not on this machine")
    assert (readings.duration.value or 0) > 0
    assert readings.shared


def test_a_server_that_ends_during_the_call_leaves_no_half_figures(server: "subprocess.Popen[bytes]") -> None:
    with meter_of(lambda: server.pid).call() as interval:
        server.kill()
        server.wait()
    assert interval.readings.cpu.value is None
    assert interval.readings.memory_peak.why == f"the server's process {server.pid} has ended"
    assert metering_threads() == []


def test_a_server_that_was_started_again_is_found_although_a_call_is_still_under_way(
    start: Callable[[], "subprocess.Popen[bytes]"],
) -> None:
    old, new = start(), start()
    pids = iter([old.pid, new.pid])
    meter = meter_of(lambda: next(pids))
    with meter.call() as hanging:
        old.kill()
        old.wait()
        with meter.call() as later:
            pass
    assert later.readings.memory_peak.value is not None
    assert hanging.readings.memory_peak.value is None
    assert metering_threads() == []


def test_a_server_that_is_started_later_is_found_although_a_call_is_still_under_way(
    server: "subprocess.Popen[bytes]",
) -> None:
    answers: list[int] = []

    def locate() -> int:
        if not answers:
            raise UnseenServerError("nothing listens")
        return answers[0]

    meter = meter_of(locate)
    with meter.call() as early:
        answers.append(server.pid)
        with meter.call() as later:
            pass
    assert (early.readings.cpu.why, later.readings.memory_peak.value is None) == ("nothing listens", False)


def test_a_call_that_raises_ends_the_thread(server: "subprocess.Popen[bytes]") -> None:
    meter = meter_of(lambda: server.pid)
    with pytest.raises(KeyError), meter.call():
        raise KeyError("of the caller")
    assert metering_threads() == []
    with meter.call() as next_call:
        pass
    assert not next_call.readings.shared


def test_a_fault_of_the_thread_is_not_lost(server: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Watch.sample

    def failing(watch: Watch) -> object:
        if threading.current_thread() in metering_threads():
            raise RuntimeError("of the thread")
        return plain(watch)

    def call() -> None:
        with meter_of(lambda: server.pid, every_s=0.001).call():
            for thread in metering_threads():
                thread.join()

    monkeypatch.setattr(Watch, "sample", failing)
    with pytest.raises(RuntimeError, match="of the thread"):
        call()


def test_two_names_of_one_server_share_its_meter(server: "subprocess.Popen[bytes]") -> None:
    meters = Meters(NONE)
    assert meters.of("http://127.0.0.1:1", server.pid) is meters.of("https://elsewhere.example", server.pid)


def test_energy_is_of_the_machine_so_that_a_call_to_another_server_of_it_counts(
    start: Callable[[], "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    counter = rapl_zone(tmp_path, "intel-rapl:0", "package-0", 0)
    meters = Meters(Instruments(gpus="no GPU", rapl=Rapl(tmp_path)), every_s=600)
    first, second = (meters.of(None, start().pid) for _ in range(2))
    remote = meters.of("https://api.example/v1")
    with first.batch() as batch, first.call() as here, second.call() as there:
        counter.write_text("500000")
    with first.call() as alone, remote.call() as away:
        counter.write_text("700000")
    assert not here.readings.shared
    assert not there.readings.shared
    assert "2 calls were under way on this machine at once" in here.readings.cpu_energy.why
    assert batch.readings.cpu_energy.why == "calls on other servers of this machine are in it (1)"
    assert alone.readings.cpu_energy.value == pytest.approx(0.2)
    assert away.readings.cpu_energy.value is None


def test_meters_of_servers_that_are_not_seen_go_by_their_address() -> None:
    meters = Meters(NONE)
    down = meters.of("http://127.0.0.1:1")
    assert meters.of("http://localhost:1/v1") is down
    assert meters.of("http://127.0.0.1:2") is not down
    remote = meters.of("https://api.example/v1")
    assert meters.of("https://api.example/v2") is remote
    assert meters.of("https://other.example") is not remote
    assert meters.of(None) is not meters.of(None), "two replays do not wait for each other"


def test_a_process_is_searched_again_only_when_it_has_ended(start: Callable[[], "subprocess.Popen[bytes]"]) -> None:
    old, new = start(), start()
    searched: list[str | None] = []

    def search(endpoint: str | None) -> int:
        searched.append(endpoint)
        return old.pid if len(searched) == 1 else new.pid

    finder = Finder("http://127.0.0.1:1", None, search)
    assert [finder(), finder()] == [old.pid, old.pid]
    old.kill()
    old.wait()
    assert [finder(), finder()] == [new.pid, new.pid]
    assert len(searched) == 2


def test_a_process_that_is_not_there_is_searched_again_after_a_second(server: "subprocess.Popen[bytes]") -> None:
    now = [100.0]
    searched: list[float] = []

    def search(_: str | None) -> int:
        searched.append(now[0])
        if now[0] < 102:
            raise UnseenServerError("nothing listens")
        return server.pid

    finder = Finder("http://127.0.0.1:1", None, search, lambda: now[0])
    for at_s in (100.0, 100.5, 101.2, 101.9):
        now[0] = at_s
        with pytest.raises(UnseenServerError, match="nothing listens"):
            finder()
    now[0] = 102.5
    assert [finder(), finder()] == [server.pid, server.pid]
    assert searched == [100.0, 101.2, 102.5]
