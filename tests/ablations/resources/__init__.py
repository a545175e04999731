"""Tests of `ablations/resources/`."""
