"""Tests of `ground/`."""
