"""The tasks: programming problems with tests that may be seen, and tests that may not."""
