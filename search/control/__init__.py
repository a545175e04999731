"""Deciding: the master, how a search is going, early stopping, deadlines, and the session that carries it out."""
