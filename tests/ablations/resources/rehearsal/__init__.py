"""Tests of the resource study: rehearsal."""
