"""The names of all importance criteria, for a help that imports no torch; `registry` maps them to their classes."""

CRITERION_NAMES = ("l1", "l2", "lamp", "fpgm", "taylor", "hessian", "random")
