"""Results on disk: each is computed once, and an interrupted benchmark continues with the missing ones."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ground.cache import content_key, locked
from ground.files import write_whole


class Memo:
    """JSON results in a folder, found by a description of their inputs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, of: Mapping[str, Any], make: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """Read a result, or compute and store it if it is missing.

        Args:
            of: a description of the result's inputs as JSON values; it is stored in the file.
            make: computes the result.
        """
        path = self._path(of)
        with locked(path):
            if not path.exists():
                write_whole(path, json.dumps({"of": dict(of), "result": dict(make())}))
        found: dict[str, Any] = json.loads(path.read_text())["result"]
        return found

    def holds(self, of: Mapping[str, Any]) -> bool:
        """Whether the result is stored."""
        return self._path(of).exists()

    def _path(self, of: Mapping[str, Any]) -> Path:
        return self._folder / f"{of['what']}-{content_key(of)}.json"
