"""Acting: Ray's session, Tune's adapters, the trial actor, and signals."""
