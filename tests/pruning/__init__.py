"""Tests of `pruning/`."""
