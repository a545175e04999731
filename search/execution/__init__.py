"""Acting: the executors (Ray and this process), Tune's adapters, the trial worker and actor, and signals."""
