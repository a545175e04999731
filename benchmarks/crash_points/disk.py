"""A strict disk: what a power cut leaves of a folder is what was fsynced, and nothing else.

A file's content is durable once the file was fsynced; its name, once the folder that holds it was. No real file system
keeps less.
"""

import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

Name = tuple[str, int | str]
"""What a name in a folder stands for: `file` or `folder` with the number of its inode, or `link` with its target."""


@dataclass
class Disk:
    """Follows what is durable of a folder, from a moment at which all of it is.

    Attributes:
        root: the folder.
    """

    root: Path

    def __post_init__(self) -> None:
        self._contents: dict[int, bytes] = {}
        self._names: dict[int, dict[str, Name]] = {}
        self._root = self.root.stat().st_ino
        for folder, _, files in os.walk(self.root):
            self._sync_folder(Path(folder))
            for file in files:
                path = Path(folder) / file
                if not path.is_symlink():
                    self._contents[path.stat().st_ino] = path.read_bytes()

    def created(self, path: Path) -> None:
        """Hear that a file is new: it may have the inode of one that is gone."""
        self._contents.pop(path.stat().st_ino, None)

    def synced(self, path: Path) -> None:
        """Hear of an fsync of a file or a folder."""
        if path.is_dir():
            self._sync_folder(path)
        elif path.exists():
            self._contents[path.stat().st_ino] = path.read_bytes()

    def cut_power(self) -> None:
        """Leave in the folder what is durable."""
        draft = self.root.with_name(f"{self.root.name}.durable")
        self._restore(self._root, draft)
        shutil.rmtree(self.root)
        draft.rename(self.root)

    def _sync_folder(self, folder: Path) -> None:
        self._names[folder.stat().st_ino] = {entry.name: _name_of(entry) for entry in folder.iterdir()}

    def _restore(self, inode: int, folder: Path) -> None:
        folder.mkdir()
        for name, (kind, target) in self._names.get(inode, {}).items():
            path = folder / name
            if kind == "link":
                path.symlink_to(str(target))
            elif kind == "folder":
                self._restore(int(target), path)
            else:
                path.write_bytes(self._contents.get(int(target), b""))


def _name_of(entry: Path) -> Name:
    if entry.is_symlink():
        return "link", str(entry.readlink())
    status = entry.stat()
    return ("folder" if stat.S_ISDIR(status.st_mode) else "file"), status.st_ino
