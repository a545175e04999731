"""The study of what language models cost for the tasks that they solve."""
