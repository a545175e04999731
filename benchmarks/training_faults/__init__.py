"""Faults in the middle of a fine-tune on real Ray Train: what they cost, and whether the weights keep their bits."""
