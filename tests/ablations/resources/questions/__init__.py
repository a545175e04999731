"""Tests of the resource study: questions."""
