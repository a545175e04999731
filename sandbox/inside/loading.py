"""Running the program's file as a module, the way Python does it."""

import os
import sys
from types import ModuleType


def execute(script: str, module: ModuleType) -> None:
    """Run a file in a module, which then is the one of its name.

    Raises:
        BaseException: whatever the file raises.
    """
    with open(script, "rb") as file:
        code = compile(file.read(), os.path.abspath(script), "exec")
    module.__dict__.update(__file__=code.co_filename, __builtins__=__builtins__)
    sys.modules[module.__name__] = module
    exec(code, module.__dict__)  # noqa: S102 - running it is what this process is for
