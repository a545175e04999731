"""Ablation without a language model: modules of a torch model, columns of a table, and pairs of components."""
