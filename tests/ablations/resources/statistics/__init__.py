"""Tests of the resource study: statistics."""
