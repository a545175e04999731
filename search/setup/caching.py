"""The cache folder, rid of what killed processes left."""

from ground.cache import cache_folder
from ground.leftovers import sweep_drafts


def tidy_cache() -> None:
    """Remove the old drafts in the cache folder, if it can be used."""
    sweep_drafts(cache_folder())
