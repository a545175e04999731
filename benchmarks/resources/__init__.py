"""Benchmarks of the resource study: coverage of its intervals, and its speed through sandbox and HTTP."""
