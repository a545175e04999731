"""The proof of plans under attack: see `benchmarks.proof.__main__`."""
