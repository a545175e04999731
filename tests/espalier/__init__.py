"""Tests of `espalier/`."""
