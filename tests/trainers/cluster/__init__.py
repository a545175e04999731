"""Tests of trainers/cluster/."""
