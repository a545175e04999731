"""Where pictures come from, one by one: what reader processes hold and read."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

from torch import Tensor

from trainers.datasets.transforms import Picture


class PictureSource(ABC):
    """Labelled pictures by index. Reader processes have a copy, so it is small, or memory that processes share."""

    @property
    @abstractmethod
    def labels(self) -> Tensor:
        """Labels [N], int64, on the CPU."""

    @abstractmethod
    def read(self, index: int, *, exactly: bool) -> Picture:
        """Read a picture.

        Args:
            index: of the picture.
            exactly: whether it is scored, so that it is decoded as everybody decodes it (by PIL); otherwise the fastest
                way is taken.

        Raises:
            Exception: it cannot be read; any error is told with the picture's name.
        """

    def read_drawn(self, index: int, *, exactly: bool, seed: int) -> Picture:
        """Read a picture whose own reading draws by chance, as a user's transforms do, from this seed."""
        return self.read(index, exactly=exactly)

    @abstractmethod
    def name(self, index: int) -> str:
        """What a message calls a picture: the path of its file, or where it is."""

    @abstractmethod
    def described(self) -> Iterator[bytes]:
        """What identifies each picture, so that a hash of all changes with the data."""

    def sampled(self) -> Iterator[bytes]:
        """What some pictures hold, spread over all, where `described` does not tell; nothing where it does."""
        return iter(())

    def contained(self) -> Iterator[bytes]:
        """What all pictures hold, where `described` does not tell and to read them takes seconds; else nothing."""
        return iter(())

    def __len__(self) -> int:
        return len(self.labels)
