"""What a finished code study tells beyond what all studies tell: effects, curves, gates, attempts, and coverage."""
