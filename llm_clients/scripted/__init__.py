"""A server with the vendors' wire formats that answers by a script, for rehearsals and tests.

It cannot be mistaken for a model: the name it reports starts with "scripted". See `script.py` for the file format.
"""
