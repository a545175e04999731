"""How far from the best possible subset each criterion is: all 4,096 subsets of the embedded model's heads."""
