"""Tests of ground/."""
