"""Importance criteria for attention heads; a criterion is a file here, and a line in the registry."""
