"""What one run may use."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from sandbox.errors import JobError

MIB = 2**20
_MAPPED_BYTES = 4 * 2**30
"""Address space beyond the memory limit: `import torch` reserves more than 2 GiB, and uses little of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one run; each is named in the result if it was the reason for its end.

    Attributes:
        wall_s: seconds from the beginning of the program. Limits of less than a second make results depend on the load.
        cpu_s: processor seconds of all processes together.
        memory_bytes: memory of all processes together. A page that processes share counts in each.
        disk_bytes: all files together, in the working folder and the temporary one. They lie in memory.
        processes: processes and threads at once, of program and referee together.
        output_bytes: what is printed, standard output and errors together.
    """

    wall_s: float = 10.0
    cpu_s: float = 10.0
    memory_bytes: int = 512 * MIB
    disk_bytes: int = 64 * MIB
    processes: int = 64
    output_bytes: int = MIB

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (value > 0 and math.isfinite(value)):
                raise JobError(f"{field.name} is {value!r}, and has to be a finite number above 0")

    def as_message(self, *, address_space: bool) -> dict[str, Any]:
        """The limits as the supervisor reads them.

        Args:
            address_space: whether to limit address space as well, which a GPU's driver needs without end.
        """
        return asdict(self) | {"address_bytes": self.memory_bytes + _MAPPED_BYTES if address_space else None}
