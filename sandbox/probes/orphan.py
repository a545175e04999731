"""Starts a process in a session of its own that has the marker on its command line, and waits for ever."""

import os
import signal
import sys

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv("/bin/sh", ["/bin/sh", "-c", "while :; do sleep 3600; done", sys.argv[1]])
    os._exit(0)
signal.pause()
