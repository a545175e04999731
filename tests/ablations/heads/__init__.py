"""Tests of the heads study."""
