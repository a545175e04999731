"""Tests of the floor that all studies share."""
