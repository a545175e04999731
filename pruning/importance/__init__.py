"""How much each unit matters: one criterion per file behind the interface of `base`; names in `registry`."""
