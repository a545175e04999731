"""What large and small language models cost for what they solve."""
