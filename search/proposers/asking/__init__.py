"""The arms that ask a language model: the prompt, the calls, and what is read from the answers."""
