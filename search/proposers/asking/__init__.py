"""The arms that ask a language model: when to ask, the prompt, the calls, and how answers are read."""
