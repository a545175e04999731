"""Tests of `ablations/code/summary/`."""
