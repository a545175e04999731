"""Attack the proof of plans with planted faults: see `benchmarks.proof.__main__`."""
