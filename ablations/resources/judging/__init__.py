"""Whether an answer solves its task: the code in it, run in the sandbox, and what may be said about it to its model."""
