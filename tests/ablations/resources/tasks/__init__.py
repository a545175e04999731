"""Tests of `ablations/resources/tasks/`."""
