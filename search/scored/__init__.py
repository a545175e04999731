"""A search over a module in memory, by a score of the user's own: `espalier.search`."""
