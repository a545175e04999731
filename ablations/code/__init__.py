"""The study of a script's own components: marked in its source, taken away by an LLM or without one, and proved gone."""
