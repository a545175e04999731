"""Tests of the resource study: working."""
