"""Addresses of MLflow stores."""

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from tracking.errors import TrackingUriError
from tracking.runs import default_uri
from tracking.uris import (
    absolute_uri,
    artifact_location,
    check_kind,
    database_host,
    sqlite_path,
    sqlite_uri,
    without_password,
)


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
    assert without_password("http://u:p@h:1/x") == "http://***@h:1/x"
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


PIECE = st.one_of(
    st.sampled_from(
        ["?", "%", "#", "&", " ", "=", "+", ";", ":", "@", "'", "\n", "~", "%20", "%3F", "25", "file:", "?x=1"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="/\0"), max_size=4),
)
COMPONENT = st.lists(PIECE, min_size=1, max_size=5).map("".join).filter(lambda name: name not in {"", ".", ".."})


@given(st.lists(COMPONENT, min_size=1, max_size=4))
def test_an_address_names_exactly_its_file(names: list[str]) -> None:
    path = Path("/", *names)
    uri = sqlite_uri(path)
    assert sqlite_path(uri) == path
    assert sqlite_path(sqlite_uri(path, "timeout=5")) == path
    assert make_url(uri).database == str(path)  # how MLflow reads it
    check_kind(uri)


NAMES = ["a?b", "a%20b", "a%3Fb", "a#b", "a b", "ünï", "100%", "q?x=1&y", "?", "a\\b", "a'b"]


@pytest.mark.parametrize("name", NAMES)
def test_a_database_is_opened_in_its_own_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with create_engine(absolute_uri(default_uri(folder / "runs"))).connect() as connection:
        connection.execute(text("create table t (x)"))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert [path.name for path in folder.iterdir()] == ["mlflow.db"]
    location = artifact_location(default_uri(folder / "runs"), "e")
    assert location is not None
    assert (
        Path(location if location[0] == "/" else url2pathname(urlsplit(location).path)) == folder / "mlartifacts" / "e"
    )


def test_a_path_typed_as_an_address_is_refused_with_what_was_meant(tmp_path: Path) -> None:
    (tmp_path / "a%20b").mkdir()
    with pytest.raises(TrackingUriError, match=r"written %3F, as in sqlite:////data/we%3Fird/x\.db"):
        absolute_uri("sqlite:////data/we?ird/x.db")
    with pytest.raises(TrackingUriError, match=r"written %25, as in sqlite:///.*/a%2520b/x\.db"):
        absolute_uri(f"sqlite:///{tmp_path}/a%20b/x.db")
    with pytest.raises(TrackingUriError, match="no option of SQLite"):
        absolute_uri("sqlite:////data/x.db?uri=true&mode=ro")


@pytest.mark.parametrize("uri", ["http://host:99999999", "http://[::1", "postgresql://h:x/db"])
def test_an_address_that_cannot_be_read_is_refused(uri: str) -> None:
    with pytest.raises(TrackingUriError, match="cannot be used"):
        absolute_uri(uri)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://token@h/x", "http://***@h/x"),
        ("https://h/x?api_key=secret&b=1", "https://h/x?api_key=***&b=1"),
        ("https://h/x?b=1&access_token=secret#f", "https://h/x?b=1&access_token=***#f"),
        ("postgresql://me:se/cr:et@h/db", "postgresql://me:***@h/db"),
        (
            "postgresql://me@h/db?sslkey=/a/b.pem&sslpassword=secret",
            "postgresql://me@h/db?sslkey=/a/b.pem&sslpassword=***",
        ),
        ("sqlite:////a:b@c/x.db", "sqlite:////a:b@c/x.db"),
        ("http://h/a:b@c", "http://h/a:b@c"),
    ],
)
def test_every_kind_of_secret_is_hidden(uri: str, shown: str) -> None:
    assert without_password(uri) == shown
    assert without_password(shown) == shown
