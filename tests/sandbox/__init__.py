"""Tests of `sandbox/`."""
