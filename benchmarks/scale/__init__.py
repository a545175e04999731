"""How a search grows with its cluster: what a trial costs the driver and the head, for more and more actors."""
