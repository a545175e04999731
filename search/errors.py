"""The errors that a user can cause in a search; each message says what would work."""


class SearchError(ValueError):
    """Base of all errors of this package; the message quotes what was received and says what would be accepted."""


class ConfigError(SearchError):
    """A field of the configuration is invalid, or contradicts another."""


class ResourceError(SearchError):
    """More workers, CPUs or GPUs were requested than this machine or cluster has."""


class SearchFailedError(SearchError):
    """The search ended without a completed trial, so there is no winner to fine-tune."""
