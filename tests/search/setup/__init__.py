"""Tests of search/setup/."""
