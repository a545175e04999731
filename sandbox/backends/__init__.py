"""The ways to isolate a program, one file each."""
