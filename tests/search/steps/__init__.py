"""Tests of search/steps/."""
