"""The errors that a user can make about the models of the study. Every error keeps plain arguments."""

from ablations.floor.errors import AblationError


class ModelNamesError(AblationError):
    """The models, or the processes of their servers, are not named as they should be."""
