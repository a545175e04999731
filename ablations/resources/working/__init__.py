"""Carries out what arms want: calls and judgements, several at once, each in the journal before anything follows."""
