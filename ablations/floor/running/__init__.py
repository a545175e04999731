"""A study as a user runs it: its folder, its ledger, its place, its mirror and its end."""
