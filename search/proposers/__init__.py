"""The arms: one proposer per file, all with one interface. Those that ask a model have a room of their own."""
