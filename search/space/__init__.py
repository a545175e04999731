"""What is searched: strategies and the space that they are from, the budget, what was tried and what it gave."""
