"""Running a script: the facts that are learned from it, the harness that collects them, and who starts it."""
