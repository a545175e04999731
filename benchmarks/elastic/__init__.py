"""Fine-tunes on a cluster whose nodes come and go, and which others use too."""
