"""The writing phase: who writes the patches, what each attempt was and cost, and when a patch is accepted."""
