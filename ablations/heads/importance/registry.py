"""The criteria by name; a new criterion is a new file and one line here."""

from collections.abc import Mapping

from ablations.heads.importance.base import Importance
from ablations.heads.importance.entropy import Entropy
from ablations.heads.importance.gradient import Gradient
from ablations.heads.importance.greedy import Greedy
from ablations.heads.importance.hies import Hies
from ablations.heads.importance.magnitude import Magnitude
from ablations.heads.importance.random_order import Random

IMPORTANCES: Mapping[str, type[Importance]] = {
    kind.name: kind for kind in (Entropy, Magnitude, Random, Gradient, Hies, Greedy)
}
