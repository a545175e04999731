"""A busy machine is not a failed property: no time limit for a single example."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
