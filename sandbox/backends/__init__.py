"""The ways to put walls around a program, one file each."""
