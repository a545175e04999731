"""What a model is asked: the task, and on a branch what was tried before, what became of it, and a strategy."""
