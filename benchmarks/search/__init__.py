"""Compare which arm finds the better small model.

`python -m benchmarks.search`

The quarter-width ResNet-18 and a small ViT on the procedural dataset are each cut to 15 % and to 8 % of their MACs.
Every classical arm searches with the same number of trials on the same bases; its winner gets the same fine-tune and is
evaluated once on the test images. For comparison torch-pruning prunes the same bases to the same budgets by its own
uniform and isomorphic pruning, with the same fine-tune in the same run.

`protocol` defines what is run, `work` runs one job of it in a `cell`, `figures` computes the numbers, `table` prints
them. Results are stored in a folder under a key of their inputs; delete the folder after a change to the code that they
measure.
"""
