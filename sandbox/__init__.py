"""Runs code that a model wrote: isolated, within limits, with a verdict that the code has no say in."""
