"""Rules: what each tensor operation does to axes and what it costs, one small function each, one file per family."""
