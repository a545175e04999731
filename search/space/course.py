"""The courses of a search: what the master may tell an arm, and what the session carries out itself."""

from enum import StrEnum


class Course(StrEnum):
    """What the arm is told. `SWITCH_ARM` and `STOP` are carried out by the session."""

    EXPLOIT = "exploit"
    EXPLORE = "explore"
    WIDEN = "widen"
    SWITCH_ARM = "switch_arm"
    STOP = "stop"


STEERED = frozenset({Course.EXPLOIT, Course.EXPLORE, Course.WIDEN})
"""The courses that an arm is told."""
