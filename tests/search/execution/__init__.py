"""Tests of search/execution/."""
