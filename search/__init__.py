"""The search for a strategy: proposers, the master that decides, the actors that score, the run that ties them."""
