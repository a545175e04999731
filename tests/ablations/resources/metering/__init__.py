"""Tests of `ablations/resources/metering/`."""
