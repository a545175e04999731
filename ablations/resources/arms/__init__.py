"""What is compared: arms as pure decisions, and what came of each task in each arm."""
