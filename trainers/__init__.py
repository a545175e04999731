"""Datasets, recipes, the training loop, the short proxy, the Ray Train fine-tune, evaluation and latency."""
