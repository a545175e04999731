"""What became of one network in a benchmark."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one network.

    Attributes:
        network: its name.
        status: `exact`, `refused`, `wrong` or `crashed`.
        text: a description.
        groups: of an exact one, the number of its groups.
        share: of an exact one, the share of the MACs out of reach for what is fixed.
        fixed: of an exact one, what is fixed other than what the model returns, with the reasons.
    """

    network: str
    status: str
    text: str
    groups: int = 0
    share: float = 0.0
    fixed: tuple[str, ...] = ()
