"""Tests of `ablations/resources/models/`."""
