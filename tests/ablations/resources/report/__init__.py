"""Tests of the resource study: report."""
