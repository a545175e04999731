"""Running a script and what is learned from it: facts as a record, the harness that collects them, and who starts it."""
