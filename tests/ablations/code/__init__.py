"""Tests of `ablations/code/`."""
