"""A server that speaks the vendors' wire formats and says what a script tells it to: for rehearsals and tests.

It never passes for a model: the name it reports starts with "scripted". See `script.py` for the file format.
"""
