"""Tests of what a search may choose from."""
