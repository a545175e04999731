"""Ablation without a language model: patches by rule, and pairs of components."""
