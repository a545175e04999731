"""Measures the server of a model while it answers: CPU, memory, GPU, energy; what cannot be measured is missing."""
