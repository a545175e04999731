"""One run of a variant, in a sandbox, and the ruling of all gates on it: what the writing and the trials share."""
