"""Agency: each head has a state and may withhold its consent, and the forward pass respects both."""
