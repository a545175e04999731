"""A real language model, tiny, behind a server that speaks Ollama's API: to rehearse the study without Ollama."""
