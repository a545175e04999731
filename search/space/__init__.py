"""What is searched: strategies and the space that they are from, the budget, the trials so far and their results."""
