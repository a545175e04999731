"""The arms: one proposer a file, all behind one interface."""
