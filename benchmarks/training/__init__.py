"""Measures trainings: our loop beside bare ones, on CPUs and on a GPU."""
