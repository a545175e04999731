"""The tests of Espalier; their folders mirror the rooms."""
