"""Statistics over tasks: proportions, paired proportions, pass@k, and the bootstrap."""
