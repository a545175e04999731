"""The one door: `python launch.py VERB …`, and what `ray submit cluster.yaml launch.py -- VERB …` copies."""

import sys

try:
    from cli.main import main
except KeyboardInterrupt:
    sys.stderr.write("\nInterrupted before anything began.\n")
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
