"""Scripts with marked components, each to be run by itself: `python SCRIPT --seed 1`."""
