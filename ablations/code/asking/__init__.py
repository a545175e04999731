"""Asking a language model about a script: prompts, their largest cost, the calls, and where raw answers are kept."""
