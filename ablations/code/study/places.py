"""The sandbox and the writer that the options ask for."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ablations.code.asking.models import model_name
from ablations.code.asking.spending import restored_limit
from ablations.code.running.sandbox_runner import LIMITS, SandboxRunner
from ablations.code.source.choosing import zero_names
from ablations.code.source.errors import CodeStudyError, DocumentError
from ablations.code.study.options import CodeOptions
from ablations.code.trials.bench import Bench
from ablations.code.writing.llm_writer import LlmWriter
from ablations.code.writing.writers import PatchWriter, RuleWriter
from ablations.floor.journal import Facts, Journal
from llm_clients.client import LLMClient
from llm_clients.options import ClientOptions
from llm_clients.prices import load_prices
from llm_clients.registry import connect
from sandbox.errors import SandboxError
from sandbox.limits import Limits
from sandbox.registry import open_sandbox


class NoSandboxError(CodeStudyError):
    """The sandbox that was asked for cannot be had."""


def bench_of(options: CodeOptions) -> Bench:
    """Return where variants run, in a sandbox that has passed its check in this process.

    Raises:
        NoSandboxError: It cannot be had, or lets code out.
        DocumentError: What the script is to read is not there.
        CodeStudyError: Nothing is marked or named.
    """
    gone = [path for path in options.readable if not Path(path).exists()]
    if gone:
        raise DocumentError(f"--readable {gone[0]}: there is no such file or folder on this machine.")
    try:
        box = open_sandbox(options.sandbox, allow_none=options.allow_unsandboxed)
    except SandboxError as error:
        raise NoSandboxError(
            f"--sandbox {options.sandbox} cannot be used: {error}. A sandbox is there after `apt-get install "
            "bubblewrap`; `launch.py doctor` says what this machine has."
        ) from None
    limits = Limits(
        wall_s=options.run_seconds,
        cpu_s=2 * options.run_seconds,
        memory_bytes=options.memory_bytes,
        disk_bytes=LIMITS.disk_bytes,
        output_bytes=LIMITS.output_bytes,
    )
    readable = [Path(path) for path in options.readable]
    return Bench(SandboxRunner(box, limits=limits, readable=readable, gpu=options.gpu), options.material)


def connected(options: CodeOptions, prepared: Mapping[str, Facts]) -> LLMClient:
    """Return the client of the model, whose limit knows what earlier sessions have spent. No call is made.

    Raises:
        LLMError: The model is not known, or its key is missing.
    """
    limit = restored_limit(prepared, options.max_cost)
    name = model_name(options.llm, None, None)
    return connect(name, options=ClientOptions(budget=limit, reasks=0), prices=load_prices(options.prices))


@contextmanager
def writer_of(options: CodeOptions, journal: Journal) -> Iterator[PatchWriter]:
    """Yield who writes the patches."""
    documents = options.documents
    if options.llm is None:
        yield RuleWriter(documents, zero_names(documents, options.zero))
        return
    with connected(options, journal.entries()) as client:
        yield LlmWriter(documents, client, journal, attempts=options.attempts, max_tokens=options.max_tokens)
