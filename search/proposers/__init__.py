"""The arms: one proposer a file, all behind one interface; those that ask a model have a room below."""
