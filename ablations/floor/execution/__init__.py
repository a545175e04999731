"""Where conditions are measured: in this process, or in actors of Ray."""
