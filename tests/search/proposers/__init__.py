"""Tests of `search.proposers`."""
