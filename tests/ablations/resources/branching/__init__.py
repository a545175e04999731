"""Tests of the resource study: branching."""
