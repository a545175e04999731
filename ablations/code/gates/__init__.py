"""The gates that an ablation has to pass before its number counts, one file each."""
