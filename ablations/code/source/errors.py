"""What a user, or an LLM, can get wrong about a script. Every error keeps plain arguments, to survive pickling."""

from ablations.floor.errors import AblationError


class CodeStudyError(AblationError):
    """Base of all errors of this study that a user can act on."""


class DocumentError(CodeStudyError):
    """A document cannot be used."""


class AnnotationError(CodeStudyError):
    """An annotation cannot be read; the message has the file and the line."""


class ComponentError(CodeStudyError):
    """A component that was named cannot be found, or cannot be taken away alone."""


class PatchError(CodeStudyError):
    """A patch cannot be applied. The message is shown to the LLM that wrote it."""


class CallError(CodeStudyError):
    """A call of an LLM has no usable answer."""


class SandboxBrokeError(CodeStudyError):
    """A sandbox could not run a script, which says nothing about the script."""
