"""What this machine has to measure with, besides /proc; found once."""

from dataclasses import dataclass
from typing import Self

from ablations.resources.metering.errors import or_why
from ablations.resources.metering.gpu import Gpus
from ablations.resources.metering.rapl import Rapl


@dataclass(frozen=True, slots=True)
class Instruments:
    """The instruments, each or the reason why there is none.

    Attributes:
        gpus: NVIDIA GPUs.
        rapl: the processor's energy.
    """

    gpus: Gpus | str
    rapl: Rapl | str

    @classmethod
    def found(cls) -> Self:
        """Those of this machine."""
        return cls(or_why(Gpus.found), or_why(Rapl))
