"""What can go wrong before a program runs. What goes wrong in a program is no error: it is a result."""


class SandboxError(Exception):
    """Base class of all errors of this package."""


class JobError(SandboxError):
    """A job that cannot be run as it was asked for."""


class SandboxUnavailableError(SandboxError):
    """No sandbox can be had here, or the one that was asked for keeps code in too badly."""
