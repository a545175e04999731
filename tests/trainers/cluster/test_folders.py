"""A folder that not all nodes see is found out, and named."""

from pathlib import Path

import pytest
from ray.exceptions import RayError, WorkerCrashedError

from trainers.cluster.folders import check_shared, describe_silent, describe_unseen, unseen_here
from trainers.errors import ResourcesError


@pytest.fixture
def probe(tmp_path: Path) -> Path:
    """A file as another process wrote it into a shared folder."""
    file = tmp_path / ".espalier-probe-1"
    file.write_text(file.name)
    return file


def test_who_sees_and_writes_everything_says_nothing(probe: Path) -> None:
    assert unseen_here(probe, [probe.parent], patience_s=0) == []
    assert [file.name for file in probe.parent.iterdir()] == [probe.name], "it leaves nothing"


def test_two_nodes_that_answer_at_once_do_not_disturb_each_other(probe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch = Path.touch

    def beside_another(file: Path) -> None:
        monkeypatch.setattr(Path, "touch", touch)
        file.touch()
        assert unseen_here(probe, [], patience_s=0) == []

    monkeypatch.setattr(Path, "touch", beside_another)
    assert unseen_here(probe, [], patience_s=0) == []
    assert Path.touch is touch, "there was another"


def test_a_folder_of_the_same_name_is_not_the_same_folder(probe: Path, tmp_path: Path) -> None:
    """As where each node has a disk of its own: the folder is there, or a file of another probe."""
    assert unseen_here(probe.with_name("elsewhere"), [], patience_s=0) == [str(tmp_path)]
    probe.write_text("another node's")
    assert unseen_here(probe, [tmp_path / "data"], patience_s=0) == [str(tmp_path), str(tmp_path / "data")]


def test_a_file_that_shows_late_is_waited_for(probe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network file system may take some seconds."""
    content, now = probe.read_text(), [0.0]
    probe.unlink()

    def sleep(seconds: float) -> None:
        now[0] += seconds
        if now[0] > 2:
            probe.write_text(content)

    monkeypatch.setattr("trainers.cluster.folders.time.monotonic", lambda: now[0])
    monkeypatch.setattr("trainers.cluster.folders.time.sleep", sleep)
    assert unseen_here(probe, [], patience_s=5) == []
    assert 2 < now[0] < 3


def test_the_node_and_the_folder_are_named() -> None:
    assert describe_unseen({"10.0.0.2": [], "10.0.0.3": []}, "/runs") is None
    text = describe_unseen({"10.0.0.2": [], "10.0.0.3": ["/runs", "/data"], "10.0.0.4": ["/runs"]}, "/runs")
    assert text is not None
    assert text.startswith("/runs is not shared: the node 10.0.0.3 and 1 more nodes of the Ray cluster cannot write")
    text = describe_unseen({"10.0.0.3": ["/data"]}, "/runs")
    assert text is not None
    assert "/data is not shared: the node 10.0.0.3 of the Ray cluster cannot read what this process reads" in text


def test_a_node_on_which_no_process_starts_is_said_to_have_a_full_disk_perhaps() -> None:
    text = describe_silent(["10.0.0.2 (4279a7f1)"], "/runs", WorkerCrashedError())
    assert text.startswith("Ray's processes on the node 10.0.0.2 (4279a7f1) end as they start (WorkerCrashedError)")
    assert "`df -h /tmp` on 10.0.0.2." in text


@pytest.mark.parametrize(("alive", "named"), [((), None), (("two",), "the node 10.0.0.2 did not say within 120 s")])
def test_a_node_that_is_lost_while_it_is_asked_is_none_of_the_clusters(
    alive: tuple[str, ...],
    named: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    nodes = {"one": "10.0.0.1", "two": "10.0.0.2"}
    seen = iter([nodes, {name: nodes[name] for name in ("one", *alive)}])
    monkeypatch.setattr("trainers.cluster.folders._other_nodes", lambda *, gpu: next(seen))
    answers = {"one": [], "two": RayError("no such node")}
    monkeypatch.setattr("trainers.cluster.folders._ask_all", lambda *_: answers)
    if named is None:
        check_shared(tmp_path)
        assert "the node 10.0.0.2 was lost while it was asked" in caplog.text
    else:
        with pytest.raises(ResourcesError, match=named):
            check_shared(tmp_path)
    assert list(tmp_path.iterdir()) == []
