"""The installed command. A PYTHONPATH that names a project with a `cli/` of its own must not take it from ours."""

import sys
from pathlib import Path

HOME = str(Path(__file__).resolve().parent)


def main() -> int:
    """Run the command line of this process."""
    sys.path.insert(0, HOME)
    try:
        from ground.rooms import come_first

        del sys.path[0]
        come_first(sys.path)
        from cli.main import main as run
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted before anything began.\n")
        return 130

    return run()
