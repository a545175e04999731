"""One typed interface to Claude, GPT, Llama and local servers.

Import from the modules: `llm_clients.request` (what is asked and what comes of it), `llm_clients.registry`
(`connect`), `llm_clients.scripted.server` (the server that rehearsals and tests talk to).
"""
