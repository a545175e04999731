"""Planted bad ablations, and good ones, against the gates: `python -m benchmarks.gates`."""
