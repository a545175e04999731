"""Studies over many runs, one a file; `ablations.registry` names them."""
