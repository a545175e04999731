"""The search for a strategy, a room for each part of it, and the run that ties them together."""
