"""Letting a model analyse a finished study: asked once, and in the journal before anything acts on it."""
