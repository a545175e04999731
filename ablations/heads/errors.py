"""The errors of the heads study. Every error keeps plain arguments, so that it survives pickling."""

from ablations.floor.errors import AblationError


class HeadsError(AblationError):
    """Base of all errors of this study that a user can act on; the message says what would work."""


class ModelNotLoadedError(HeadsError):
    """A model cannot be loaded, or its heads are not found."""


class TextError(HeadsError):
    """A text, or the prompts, cannot be used."""


class MeasurementError(HeadsError):
    """A measurement contradicts itself, so that none of its figures may be believed."""


class ConstantImportanceError(MeasurementError):
    """A criterion gives all heads the same importance: there is nothing to select by."""


class MaskNotAppliedError(MeasurementError):
    """A head that should be gone still acts, or one that should act does not."""


class ConstantPerplexityError(MeasurementError):
    """A perplexity that does not depend on the text is none."""


class FailedGenerationError(MeasurementError):
    """A prompt was not continued: its condition fails, it never becomes a number."""
