"""Tests of `ablations/resources/local_server/`."""
