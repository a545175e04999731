"""Programs that try to get out, to take too much, or to be called right: what each tries, and how it has to end.

A program that succeeds prints ESCAPED. `{port}`, `{folder}`, `{pid}` and `{marker}` stand for what the world outside planted:
a listener on loopback, a folder that all may write, the process of the tests, a word to find processes by.
"""

from dataclasses import dataclass

from sandbox.job import SOLUTION, Job
from sandbox.limits import MIB, Limits
from sandbox.result import LimitName, Outcome, Result

SMALL = Limits(wall_s=120, cpu_s=60, memory_bytes=256 * MIB, disk_bytes=8 * MIB, processes=16, output_bytes=64 * 1024)
HASTY = Limits(wall_s=1, cpu_s=10, memory_bytes=256 * MIB, disk_bytes=8 * MIB, processes=16, output_bytes=64 * 1024)
CHECK = "assert double(21) == 42"


@dataclass(frozen=True)
class Hostile:
    """One program.

    Attributes:
        name: what it tries.
        code: it.
        outcome: how it has to end.
        limit: the limit that has to be named.
        judged: whether it is a solution, to be judged by a check that it must not pass.
        limits: what it may use.
        as_one_user: how it has to end where program and referee are one user; None is no difference.
        check: the check of a solution.
        counted_by_docker: whether it takes memory that a container's control group counts, so that it may have it there.
    """

    name: str
    code: str
    outcome: Outcome
    limit: LimitName | None = None
    judged: bool = False
    limits: Limits = SMALL
    as_one_user: Outcome | None = None
    check: str = CHECK
    counted_by_docker: bool = False

    def job(self, **world: object) -> Job:
        code = self.code
        for name, value in world.items():
            code = code.replace(f"{{{name}}}", str(value))
        return Job(
            files={SOLUTION: code},
            checks=(self.check,) if self.judged else None,
            collect=("collected",),
            limits=self.limits,
        )

    def fits(self, result: Result, *, one_user: bool) -> bool:
        """Whether a result is the one that it has to be."""
        outcome = (one_user and self.as_one_user) or self.outcome
        return (result.outcome, result.limit) == (outcome, self.limit)


def tries(body: str) -> str:
    """A program whose statements are attempts; it tells when all went through."""
    lines = "\n".join(f"    {line}" for line in body.strip("\n").splitlines())
    return f"import ctypes, os, signal, socket, struct, sys\ntry:\n{lines}\n    print('ESCAPED')\nexcept OSError as error:\n    print(error)\n"


LIBC = "libc = ctypes.CDLL(None, use_errno=True)\n"
REFUSED = "    raise OSError(ctypes.get_errno(), 'refused')"

LOOPS = (
    Hostile("a busy loop", "while True: pass", Outcome.TIMED_OUT, LimitName.CPU, limits=Limits(wall_s=120, cpu_s=0.3)),
    Hostile("a wait without end", "import signal\nsignal.pause()", Outcome.TIMED_OUT, LimitName.WALL, limits=HASTY),
    Hostile(
        "a wait that ignores every signal",
        "import signal\nfor number in set(signal.valid_signals()) - {9, 19, 32, 33}: signal.signal(number, signal.SIG_IGN)\n"
        "while True: signal.sigtimedwait([], 100)",
        Outcome.TIMED_OUT,
        LimitName.WALL,
        limits=HASTY,
    ),
    Hostile(
        "busy children",
        "import os\nfor _ in range(4):\n    if os.fork() == 0:\n        while True: pass\nos.wait()",
        Outcome.TIMED_OUT,
        LimitName.CPU,
        limits=Limits(wall_s=120, cpu_s=0.3),
    ),
    Hostile(
        "a loop in C that no signal handler interrupts",
        "sum(range(10**15))",
        Outcome.TIMED_OUT,
        LimitName.CPU,
        limits=Limits(wall_s=120, cpu_s=0.3),
    ),
    Hostile(
        "a judged loop",
        "def double(x):\n    while True: pass",
        Outcome.TIMED_OUT,
        LimitName.CPU,
        judged=True,
        limits=Limits(wall_s=120, cpu_s=0.3),
    ),
    Hostile(
        "an answer that keeps the referee busy",
        "def double(x): return range(10**15)",
        Outcome.TIMED_OUT,
        LimitName.CPU,
        judged=True,
        limits=Limits(wall_s=120, cpu_s=0.3),
        check="assert sum(double(21)) == 42",
    ),
)

APPETITE = (
    Hostile("a fork bomb", "import os\nwhile True: os.fork()", Outcome.TOO_MANY_PROCESSES, LimitName.PROCESSES),
    Hostile(
        "threads without end",
        "import threading\nwhile True: threading.Thread(target=threading.Event().wait).start()",
        Outcome.TOO_MANY_PROCESSES,
        LimitName.PROCESSES,
    ),
    Hostile("one huge object", "x = bytearray(10**11)", Outcome.OUT_OF_MEMORY, LimitName.MEMORY),
    Hostile("memory bit by bit", "x = []\nwhile True: x.append(b'x' * 2**20)", Outcome.OUT_OF_MEMORY, LimitName.MEMORY),
    Hostile(
        "memory in several processes",
        "import os, signal\nfor _ in range(4):\n    if os.fork() == 0:\n        x = b'x' * 80 * 2**20\n"
        "        signal.pause()\nsignal.pause()",
        Outcome.OUT_OF_MEMORY,
        LimitName.MEMORY,
    ),
    Hostile(
        "memory in shared files",
        "import signal\nfor place in range(150):\n    open(f'/dev/shm/{place}', 'wb').write(b'x' * 2**20)\n"
        "x = b'x' * 150 * 2**20\nsignal.pause()",
        Outcome.OUT_OF_MEMORY,
        LimitName.MEMORY,
    ),
    Hostile(
        "memory that no process shows",
        tries("import mmap\nx = mmap.mmap(-1, 2**20)"),
        Outcome.PASSED,
    ),
    Hostile(
        "memory of nameless files",
        tries("descriptor = os.memfd_create('x')\nos.write(descriptor, b'x')"),
        Outcome.PASSED,
    ),
    Hostile(
        "memory behind /dev/zero",
        tries("import mmap\ndescriptor = os.open('/dev/zero', os.O_RDWR)\nmmap.mmap(descriptor, 2**20)"),
        Outcome.PASSED,
        counted_by_docker=True,
    ),
    Hostile(
        "a full disk",
        "number = 0\nwhile True:\n    number += 1\n    open(f'{number}', 'wb').write(b'x' * 2**20)",
        Outcome.OUT_OF_DISK,
        LimitName.DISK,
    ),
    Hostile("one huge file", "open('x', 'wb').truncate(2**40)", Outcome.OUT_OF_DISK, LimitName.DISK),
    Hostile(
        "a full disk in the temporary folder",
        "import tempfile\nwhile True: tempfile.NamedTemporaryFile(delete=False).write(b'x' * 2**20)",
        Outcome.OUT_OF_DISK,
        LimitName.DISK,
    ),
    Hostile("output without end", "while True: print('x' * 1000)", Outcome.OUTPUT_TOO_LARGE, LimitName.OUTPUT),
    Hostile(
        "output in one piece",
        "import os\nos.write(2, b'x' * 2**17)\nos.write(2, b'x')",
        Outcome.OUTPUT_TOO_LARGE,
        LimitName.OUTPUT,
    ),
    Hostile(
        "limits raised again",
        "import resource\nfor kind in range(16):\n    try:\n        resource.setrlimit(kind, (resource.RLIM_INFINITY,) * 2)\n"
        "    except (ValueError, OSError): pass\nx = bytearray(10**11)",
        Outcome.OUT_OF_MEMORY,
        LimitName.MEMORY,
    ),
    Hostile(
        "an answer that grows in the referee",
        "def double(x): return range(10**9)",
        Outcome.OUT_OF_MEMORY,
        LimitName.MEMORY,
        judged=True,
        check="assert list(double(21)) == [42]",
    ),
    Hostile(
        "an answer beyond all measure",
        "def double(x): return 'x' * 40 * 2**20",
        Outcome.NO_VERDICT,
        judged=True,
        limits=Limits(wall_s=20, cpu_s=10),
    ),
    Hostile(
        "an answer nested without end",
        "def double(x):\n    x = []\n    for _ in range(10**5): x = [x]\n    return x",
        Outcome.FAILED,
        judged=True,
    ),
)

NETWORK = (
    Hostile("loopback", tries("socket.create_connection(('127.0.0.1', {port}), 5)"), Outcome.PASSED),
    Hostile("loopback by IPv6", tries("socket.create_connection(('::ffff:127.0.0.1', {port}), 5)"), Outcome.PASSED),
    Hostile("the internet", tries("socket.create_connection(('1.1.1.1', 53), 5)"), Outcome.PASSED),
    Hostile("the internet by UDP", tries("socket.socket(2, 2).sendto(b'x', ('1.1.1.1', 53))"), Outcome.PASSED),
    Hostile("a name", tries("socket.getaddrinfo('example.com', 80)"), Outcome.PASSED),
    Hostile("a raw socket", tries("socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"), Outcome.PASSED),
    Hostile("packets", tries("socket.socket(17, socket.SOCK_RAW, 3)"), Outcome.PASSED),
    Hostile("the host of a virtual machine", tries("socket.socket(40, socket.SOCK_STREAM)"), Outcome.PASSED),
    Hostile("an abstract socket", tries("socket.socket(1, 1).connect('\\0{marker}')"), Outcome.PASSED),
    Hostile("a socket in a folder", tries("socket.socket(1, 1).connect('{folder}/door')"), Outcome.PASSED),
)

FILES = (
    Hostile(
        "the environment",
        "import os\nprint(os.environ)\nfor name in os.listdir('/proc'):\n    try: print(open(f'/proc/{name}/environ').read())\n"
        "    except OSError: pass",
        Outcome.PASSED,
    ),
    Hostile("the environment of process 1", tries("print(open('/proc/1/environ').read())"), Outcome.PASSED),
    Hostile("a file outside", tries("print(open('{folder}/secret').read())"), Outcome.PASSED),
    Hostile(
        "a file outside through a link",
        tries("os.symlink('{folder}/secret', 'link')\nprint(open('link').read())"),
        Outcome.PASSED,
    ),
    Hostile("a file outside through process 1", tries("open('/proc/1/root{folder}/secret')"), Outcome.PASSED),
    Hostile("passwords", tries("open('/etc/shadow')"), Outcome.PASSED),
    Hostile(
        "to write outside",
        "import os\nfor place in ('{folder}', '/', '/usr/bin', '/usr/lib', '/etc', '/dev', '/opt', '/opt/espalier/sandbox/inside', "
        "'/proc/sys/kernel', '/sys/devices/system/cpu', '/var/tmp', '/root', '/home', '/run', '/mnt'):\n"
        "    try:\n        open(f'{place}/written', 'w')\n        print('ESCAPED', place)\n    except OSError: pass",
        Outcome.PASSED,
    ),
    Hostile("to leave by chroot", tries("os.chroot('/')\nos.chdir('../../..')"), Outcome.PASSED),
    Hostile(
        "to mount",
        tries(LIBC + "if libc.mount(b'none', b'/tmp/work', b'tmpfs', 0, None):\n" + REFUSED),
        Outcome.PASSED,
    ),
    Hostile("namespaces of its own", tries(LIBC + "if libc.unshare(0x10000000):\n" + REFUSED), Outcome.PASSED),
    Hostile(
        "namespaces by clone",
        tries(LIBC + "if libc.syscall(56, 0x10000011, 0, 0, 0, 0) < 0:\n" + REFUSED),
        Outcome.PASSED,
    ),
    Hostile("another user", tries("os.setuid(0)"), Outcome.PASSED),
    Hostile("another group", tries("os.setgroups([0])"), Outcome.PASSED),
    Hostile(
        "keys of the kernel", tries(LIBC + "if libc.syscall(250, 0, -3, 1, 0, 0) < 0:\n" + REFUSED), Outcome.PASSED
    ),
    Hostile("a device", tries("os.mknod('disk', 0o60666, os.makedev(254, 0))"), Outcome.PASSED),
    Hostile("the kernel's memory", tries("open('/proc/kcore', 'rb').read(1)"), Outcome.PASSED),
    Hostile(
        "the kernel's settings", tries("open('/proc/sys/kernel/core_pattern', 'w').write('|/tmp/x')"), Outcome.PASSED
    ),
    Hostile(
        "a link in place of what is collected",
        "import os\nos.symlink('/etc/ld.so.cache', 'collected')\nprint('done')",
        Outcome.PASSED,
    ),
)

PROCESSES = (
    Hostile(
        "to kill the parent",
        tries(
            "os.kill(os.getppid(), 9)\nsignal.sigtimedwait([], 1)\nos.kill(os.getppid(), 0)\n"
            "raise OSError('the parent is there')"
        ),
        Outcome.PASSED,
    ),
    Hostile(
        "to kill everyone", "import os\ntry: os.kill(-1, 9)\nexcept ProcessLookupError: print('nobody')", Outcome.PASSED
    ),
    Hostile("to kill the process outside", tries("os.kill({pid}, 0)"), Outcome.PASSED),
    Hostile("to kill itself", "import os\nos.kill(os.getpid(), 9)", Outcome.KILLED),
    Hostile("a crash", "import ctypes\nctypes.string_at(0)", Outcome.KILLED),
    Hostile(
        "to trace the parent", tries(LIBC + "if libc.ptrace(16, os.getppid(), 0, 0) < 0:\n" + REFUSED), Outcome.PASSED
    ),
    Hostile("the parent's memory", tries("open(f'/proc/{os.getppid()}/mem', 'rb')"), Outcome.PASSED),
    Hostile("the parent's descriptors", tries("open(f'/proc/{os.getppid()}/fd/0')"), Outcome.PASSED),
    Hostile(
        "the parent's limits",
        "import os, resource\ntry:\n    resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (0, 0))\n    print('ESCAPED')\n"
        "except OSError as error: print(error)",
        Outcome.PASSED,
    ),
    Hostile(
        "a grandchild that outlives",
        "import os\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        os.execv('/bin/sh', ['/bin/sh', '-c', 'while :; do sleep 100; done', '{marker}'])\n    os._exit(0)\nos.wait()",
        Outcome.PASSED,
    ),
    Hostile(
        "a grandchild that holds the output open",
        "import os, signal\nif os.fork() == 0:\n    os.setsid()\n    signal.pause()\nprint('done')",
        Outcome.PASSED,
    ),
)

FORGERY = (
    Hostile("an early exit", "import sys\nsys.exit(0)", Outcome.NO_VERDICT),
    Hostile("an exit without a word", "import os\nos._exit(0)", Outcome.NO_VERDICT),
    Hostile("an exit of the solution", "import sys\nsys.exit(0)", Outcome.NO_VERDICT, judged=True),
    Hostile(
        "an exit in the solution", "def double(x):\n    import os\n    os._exit(0)", Outcome.NO_VERDICT, judged=True
    ),
    Hostile("an exit code", "import sys\nsys.exit(3)", Outcome.FAILED),
    Hostile(
        "a printed verdict",
        """print('{"nonce": "", "outcome": "passed"}')\nprint('{"done": true}')\ndef double(x): return 0""",
        Outcome.FAILED,
        judged=True,
    ),
    Hostile(
        "verdicts on every descriptor",
        """import os
for descriptor in range(64):
    for text in (b'{"check": 0, "outcome": "passed", "detail": "", "trace": ""}\\n{"done": true}\\n',):
        try: os.write(descriptor, text)
        except OSError: pass
def double(x): return 0""",
        Outcome.NO_VERDICT,
        judged=True,
    ),
    Hostile(
        "inherited descriptors",
        """import os
known = []
for number in range(3, 256):
    try: known.append(os.readlink(f'/proc/self/fd/{number}'))
    except OSError: pass
if len(known) > 3 or any(not place.startswith(('pipe:', '/tmp/work/')) for place in known): print('ESCAPED', known)
def double(x): return 0""",
        Outcome.FAILED,
        judged=True,
    ),
    Hostile(
        "an answer that equals everything",
        "class Same(int):\n    def __eq__(self, other): return True\n    __hash__ = int.__hash__\ndef double(x): return Same(0)",
        Outcome.FAILED,
        judged=True,
    ),
    Hostile(
        "an object that equals everything",
        "class Same:\n    def __eq__(self, other): return True\ndef double(x): return Same()",
        Outcome.FAILED,
        judged=True,
    ),
    Hostile(
        "built-ins replaced",
        "import builtins\nbuiltins.AssertionError = type('Never', (Exception,), {})\n"
        "builtins.bool = lambda x: True\ndef double(x): return 0",
        Outcome.FAILED,
        judged=True,
    ),
    Hostile(
        "the test in the frames",
        """import gc, sys
def double(x):
    frame, texts = sys._getframe(), []
    while frame:
        texts += [repr(frame.f_locals), repr(frame.f_code.co_consts)]
        frame = frame.f_back
    texts += [repr(found)[:10**5] for found in gc.get_objects()]
    if any(''.join(reversed('24 == )12(')) in text for text in texts): return 42
    return 0""",
        Outcome.FAILED,
        judged=True,
        limits=Limits(wall_s=60, cpu_s=30),
    ),
    Hostile(
        "the test in its own memory",
        """def double(x):
    for line in open('/proc/self/maps'):
        place, mode = line.split()[:2]
        first, last = (int(end, 16) for end in place.split('-'))
        if 'w' not in mode: continue
        with open('/proc/self/mem', 'rb') as memory:
            try:
                memory.seek(first)
                data = memory.read(last - first)
                place = data.find(b'double(2')
                while place >= 0:
                    if data[place + 8 : place + 13] == b'1) ==': return 42
                    place = data.find(b'double(2', place + 1)
            except OSError: pass
    return 0""",
        Outcome.FAILED,
        judged=True,
    ),
    Hostile(
        "the referee's memory",
        """import os
def double(x):
    for name in os.listdir('/proc'):
        if name.isdigit() and int(name) != os.getpid():
            for part in ('mem', 'environ', 'maps', 'fd', 'cwd'):
                try:
                    os.readlink(f'/proc/{name}/{part}') if part == 'cwd' else open(f'/proc/{name}/{part}').read(1)
                    print('ESCAPED', name, part)
                except OSError: pass
    return 0""",
        Outcome.FAILED,
        judged=True,
    ),
    Hostile(
        "to kill the referee",
        "import os\ndef double(x):\n    try: os.kill(-1, 9)\n    except OSError: pass\n    return 0",
        Outcome.FAILED,
        judged=True,
        as_one_user=Outcome.NO_VERDICT,
    ),
    Hostile(
        "an answer that ends the program when it is shown",
        "class Bomb:\n    def __repr__(self):\n        import os\n        os._exit(0)\ndef double(x): return Bomb()",
        Outcome.FAILED,
        judged=True,
        check="assert double(21) is None",
    ),
    Hostile(
        "words that no verdict can hold",
        "def double(x): raise ValueError('\\ud800')",
        Outcome.FAILED,
        judged=True,
    ),
    Hostile("the same of a script", "raise ValueError('\\ud800')", Outcome.FAILED),
    Hostile("an answer that cannot be shown", "def double(x): return 10**10000", Outcome.FAILED, judged=True),
    Hostile(
        "names of the check's own tools",
        "def print(*a): pass\ndef len(x): return 42\nclass math:\n    isclose = staticmethod(lambda *a: True)\n"
        "def double(x): return 0",
        Outcome.FAILED,
        judged=True,
        check="assert math.isclose(double(21), 42) or len([0]) == 42",
    ),
    Hostile(
        "another main module",
        "import sys, types\nsys.modules['__main__'] = types.ModuleType('__main__')\nsys.modules.clear()\ndef double(x): return 0",
        Outcome.FAILED,
        judged=True,
    ),
    Hostile(
        "a forged end of a failed script",
        "import atexit, os\natexit.register(os._exit, 0)\nraise RuntimeError('failed')",
        Outcome.FAILED,
    ),
)

SHOWN = (
    Hostile("escapes for a terminal", "print('\\x1b]0;owned\\x07\\x1b[2J\\x1b[8m')", Outcome.PASSED),
    Hostile("bytes that are no text", "import os\nos.write(1, bytes(range(256)))", Outcome.PASSED),
)

PROGRAMS = (*LOOPS, *APPETITE, *NETWORK, *FILES, *PROCESSES, *FORGERY, *SHOWN)
