"""Benchmarks of Espalier, each with its peers; every module is run with `python -m benchmarks.NAME`."""
