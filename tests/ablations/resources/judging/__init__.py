"""Tests of `ablations/resources/judging/`."""
