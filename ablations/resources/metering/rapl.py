"""Energy of the processor packages by RAPL, as Linux shows it under /sys/class/powercap."""

import threading
from pathlib import Path

from ablations.resources.metering.errors import NoInstrumentError

POWERCAP = Path("/sys/class/powercap")
_MICROJOULE = 1e-6


class Rapl:
    """The counters of all packages, which begin again at zero when they are full."""

    def __init__(self, folder: Path = POWERCAP) -> None:
        """Find the counters.

        Raises:
            NoInstrumentError: there are none, or this user may not read them.
        """
        if not folder.is_dir():
            raise NoInstrumentError(f"this machine shows no RAPL counters ({folder} is not there)")
        # intel-rapl-mmio:0 would be the same package again
        self._packages = [zone for zone in sorted(folder.glob("*-rapl:*")) if _is_package(zone)]
        if not self._packages:
            raise NoInstrumentError(f"this machine shows no RAPL counter of a processor package under {folder}")
        self._ranges = [_read(zone / "max_energy_range_uj") for zone in self._packages]
        self._last = self._counters()
        self._total = 0
        self._lock = threading.Lock()

    def joules(self) -> float:
        """Joules of all packages since the counters were found, to be read more often than the counters get full.

        Raises:
            NoInstrumentError: a counter cannot be read any more.
        """
        with self._lock:  # the samplers of several servers ask
            now = self._counters()
            for count, last, size in zip(now, self._last, self._ranges, strict=True):
                self._total += (count - last) % (size + 1)
            self._last = now
            return self._total * _MICROJOULE

    def _counters(self) -> list[int]:
        return [_read(zone / "energy_uj") for zone in self._packages]


def _is_package(zone: Path) -> bool:
    """Whether a zone is a whole package, and neither a part of one nor the whole platform."""
    try:
        return (zone / "name").read_text().startswith("package")
    except OSError:
        return False


def _read(path: Path) -> int:
    try:
        return int(path.read_text())
    except PermissionError:
        raise NoInstrumentError(
            f"this user may not read {path}: Linux shows it to root only; run as root, or let root allow it "
            f"(chmod a+r {path})"
        ) from None
    except (OSError, ValueError) as error:
        raise NoInstrumentError(f"{path} cannot be read ({error})") from None
