"""Tests of `llm_clients`."""
