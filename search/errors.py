"""The errors that a user can cause in a search; each message says what would work."""

import shlex


class SearchError(ValueError):
    """Base of all errors of this package; the message quotes what was received and says what would be accepted."""


class ConfigError(SearchError):
    """A field of the configuration is invalid, or contradicts another."""


class UntrustedServerError(SearchError):
    """A ledger names a server that the user did not name: nothing was sent there."""

    def __init__(self, address: str, where: str, option: str, command: str | None = None) -> None:
        super().__init__(address, where, option, command)
        self.address, self.where, self.option, self.command = address, where, option, command

    def answered_by(self, command: str) -> "UntrustedServerError":
        """The same error with the full command that would work."""
        return UntrustedServerError(self.address, self.where, self.option, command)

    def __str__(self) -> str:
        return (
            f"{self.where} names the server {self.address!r}: going on would connect to it, with the keys and logins "
            "of this environment, and a file can name any server. Nothing was sent. If you know the server and trust "
            f"it, name it yourself with {self.option}: {self.command or self.given()}"
        )

    def given(self) -> str:
        """The option with its value, as it stands on a command line."""
        return f"{self.option} {shlex.quote(self.address)}"


class ResourceError(SearchError):
    """More workers, CPUs or GPUs were requested than this machine or cluster has."""


class SearchFailedError(SearchError):
    """The search ended without a completed trial, so there is no winner to fine-tune."""
