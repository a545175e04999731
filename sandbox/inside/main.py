"""How a sandbox's first process begins: it forks the program, then reads the job, then becomes the supervisor.

In this order neither the nonce nor a check was ever in the program's memory. The job comes on standard input, whose
other end the parent outside holds.
"""

import json
import os
import signal

from sandbox.inside import process_control
from sandbox.inside.capture import Capture
from sandbox.inside.messages import Line, line_pair
from sandbox.inside.program import become_program
from sandbox.inside.supervisor import Supervisor

_STDIN, _STDOUT, _STDERR = 0, 1, 2


def main() -> int:
    """Run one job, in the three processes that this one becomes; return the exit code of each."""
    ours, theirs = line_pair()
    output, errors = os.pipe(), os.pipe()
    program = os.fork()
    if program == 0:
        _take_the_place_of_the_program(ours, output, errors)
        return become_program(theirs)
    process_control.hide()
    process_control.adopt_orphans()
    theirs.close()
    os.close(output[1])
    os.close(errors[1])
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # which process 1 ignores; a handler of Python's would end it
    job = json.loads(_read_all(_STDIN))
    if not job["program"]["isolated"]:
        process_control.die_with_parent()
    capture = Capture({"stdout": output[0], "stderr": errors[0]}, job["program"]["limits"]["output_bytes"])
    return Supervisor(job, program, ours, capture).run()


def _take_the_place_of_the_program(ours: Line, output: tuple[int, int], errors: tuple[int, int]) -> None:
    """Leave the program its own end of the line and of its pipes, and nothing of the parent's."""
    ours.close()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, _STDIN), (output[1], _STDOUT), (errors[1], _STDERR)):
        os.dup2(source, target)
    for descriptor in (nothing, *output, *errors):
        os.close(descriptor)


def _read_all(descriptor: int) -> bytes:
    parts = []
    while part := os.read(descriptor, 2**20):
        parts.append(part)
    return b"".join(parts)
