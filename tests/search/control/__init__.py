"""Tests of search/control/."""
