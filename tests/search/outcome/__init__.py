"""Tests of search/outcome/."""
