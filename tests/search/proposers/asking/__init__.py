"""Tests of `search.proposers.asking`."""
