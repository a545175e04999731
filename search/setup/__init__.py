"""Before the first trial: the configuration and its checks, the base model, and the ground of a search."""
