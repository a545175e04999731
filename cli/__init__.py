"""The command line: the verbs, the console, the words of an error."""
