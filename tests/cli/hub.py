"""A Hugging Face hub on this machine: what its client asks for of a file in a repository."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """A repository, served.

    Attributes:
        address: of the server.
        got: the paths of the files that were sent.
    """

    address: str
    got: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    """Answers for the one repository of its server."""

    server: "_Server"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        repo, _, rest = unquote(self.path.split("?")[0]).lstrip("/").partition("/resolve/")
        revision, _, name = rest.partition("/")
        if repo != self.server.repo:
            self._refuse(401, "RepoNotFound")
        elif revision not in ("main", COMMIT):
            self._refuse(404, "RevisionNotFound")
        elif name not in self.server.files:
            self._refuse(404, "EntryNotFound")
        else:
            self._send(name, body=body)

    def _refuse(self, code: int, reason: str) -> None:
        self.send_response(code)
        self.send_header("X-Error-Code", reason)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, name: str, *, body: bool) -> None:
        content = self.server.files[name].read_bytes()
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.server.hub.got.append(name)
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    def __init__(self, repo: str, files: dict[str, Path]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repo, self.files = repo, files
        self.hub = Hub(f"http://127.0.0.1:{self.server_address[1]}")


@contextmanager
def served(repo: str, files: dict[str, Path]) -> Iterator[Hub]:
    """Serve the files of one public repository.

    Args:
        repo: OWNER/REPO.
        files: by their path in the repository.
    """
    server = _Server(repo, files)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
