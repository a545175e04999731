"""The study of a script's own components: marked in its source, taken away with or without an LLM, and proved gone."""
