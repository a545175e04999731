"""What each tensor operation does to axes, and what it costs: one small rule per operation, one file per family."""
