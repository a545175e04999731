"""Which arm finds the better small model? `python -m benchmarks.search`

The quarter-width ResNet-18 and a small ViT on the procedural set, each cut to 15 % and to 8 % of its MACs: every
classical arm searches with the same number of trials on the same bases, its winner gets the same fine-tune, and is read
on the test images once. Beside them, in the same run and with the same fine-tune, what torch-pruning makes of the same
base at the same budget by its own uniform and isomorphic pruning.

`protocol` says what is run, `work` does one job of it in a `cell`, `figures` makes the numbers, `table` prints them.
Results lie in a folder, each under what it is the result of; delete the folder after a change to the code they measure.
"""
