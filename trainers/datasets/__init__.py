"""Labelled images behind one interface: a training part, a holdout cut from it, and a test part."""
