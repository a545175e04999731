"""Tests of trainers/datasets/."""
