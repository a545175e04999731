"""The models under test: named by the user, asked for free text, metered while they answer."""
