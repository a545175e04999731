"""The heads study: a language model loses attention heads, with and without agency."""
