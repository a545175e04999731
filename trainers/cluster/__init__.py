"""What a fine-tune asks of a Ray cluster before its workers start."""
