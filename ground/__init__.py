"""What every room needs and none owns: errors in words, near misses of a name, files written whole, the cache."""
