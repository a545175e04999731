"""Utilities that every room uses: descriptions of errors, near misses of a name, atomic files, the cache."""
