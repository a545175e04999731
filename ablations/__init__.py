"""Studies over many runs, one per file; `ablations.registry` lists them."""
