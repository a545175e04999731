"""Addresses of MLflow stores."""

from pathlib import Path

import pytest

from tracking.errors import TrackingUriError
from tracking.uris import absolute_uri, artifact_location, database_host, sqlite_path, without_password


def test_a_relative_database_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_uri("sqlite:///mlflow.db") == f"sqlite:///{tmp_path}/mlflow.db"
    assert absolute_uri("sqlite:///./x/../mlflow.db") == f"sqlite:///{tmp_path}/mlflow.db"
    assert absolute_uri(f"sqlite:///{tmp_path}/a.db?timeout=5") == f"sqlite:///{tmp_path}/a.db?timeout=5"


@pytest.mark.parametrize(
    "uri", ["http://localhost:5000", "https://mlflow.example", "postgresql://u@h/db", "postgresql+psycopg://u@h:1/db"]
)
def test_servers_are_taken_as_they_are(uri: str) -> None:
    assert absolute_uri(uri) == uri


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("mlruns", "plain folder"),
        ("./mlruns", "plain folder"),
        ("file:///tmp/mlruns", "plain folder"),
        ("", "plain folder"),
        ("sqlite:///", "names no file"),
        ("sqlite://", "'sqlite' is not a supported kind"),
        ("sqlite:////no/such/folder/x.db", "/no/such/folder does not exist"),
        ("ftp://host", "'ftp' is not a supported kind"),
        ("http://", "names no host"),
        ("localhost:5000", "'localhost' is not a supported kind"),
    ],
)
def test_what_cannot_work_is_refused_with_what_can(uri: str, message: str) -> None:
    with pytest.raises(TrackingUriError, match=message) as caught:
        absolute_uri(uri)
    assert "sqlite:///mlflow.db" in str(caught.value)
    assert repr(uri) in str(caught.value)


def test_passwords_are_not_shown() -> None:
    assert without_password("postgresql://me:secret@h/db") == "postgresql://me:***@h/db"
    assert (
        without_password("postgresql://h/db?user=me&password=secret&x=1")
        == "postgresql://h/db?user=me&password=***&x=1"
    )
    assert without_password("http://h:1/x?a=1&access_token=secret#y") == "http://h:1/x?a=1&access_token=***#y"
    assert without_password("http://u:p@h:1/x") == "http://u:***@h:1/x"
    assert without_password("http://h:1/x") == "http://h:1/x"
    with pytest.raises(TrackingUriError) as caught:
        absolute_uri("ftp://me:secret@host")
    assert "secret" not in str(caught.value)


def test_hosts_of_databases() -> None:
    assert database_host("postgresql://u@h/db") == ("h", 5432)
    assert database_host("postgresql+psycopg://u@h:77/db") == ("h", 77)
    assert database_host("http://h:5000") is None
    assert database_host("sqlite:////x.db") is None


def test_artifacts_lie_beside_the_database() -> None:
    assert sqlite_path("sqlite:////data/mlflow.db?x=1") == Path("/data/mlflow.db")
    assert artifact_location("sqlite:////data/mlflow.db", "my study") == "/data/mlartifacts/my-study"
    assert artifact_location("http://h:5000", "x") is None
    assert artifact_location("postgresql://u@h/db", "x") == str(Path.cwd() / "mlartifacts" / "x")
