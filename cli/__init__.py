"""The command line: the verbs, the console and the wording of errors."""
