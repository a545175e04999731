"""Runs code that a model wrote: walls around it, limits on it, and a verdict that the code has no say in."""
