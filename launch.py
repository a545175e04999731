"""The one door: `python launch.py VERB …`, and what `ray submit cluster.yaml launch.py -- VERB …` copies."""

import sys

from cli.main import main

if __name__ == "__main__":
    sys.exit(main())
