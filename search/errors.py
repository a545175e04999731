"""What a user can get wrong in a search. Each error says what would work."""


class SearchError(ValueError):
    """Base of the room's errors; the message quotes what was received and says what would be accepted."""


class ConfigError(SearchError):
    """A field of the run's configuration is unusable, or contradicts another."""


class ResourceError(SearchError):
    """More workers, CPUs or GPUs were asked for than this machine or cluster has."""


class SearchFailedError(SearchError):
    """The search ended without one completed trial, so there is no winner to fine-tune."""
