"""Before the first trial: the configuration and its checks, the base model, and what is measured of it."""
