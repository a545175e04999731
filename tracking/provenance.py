"""What a session ran with and on: what anybody needs who cites or repeats its figures."""

from pydantic import BaseModel, ConfigDict

from tracking.fields import Count, Text


class Provenance(BaseModel):
    """Software and hardware of a driver's process. It names neither the machine nor its user.

    Attributes:
        espalier: The version of Espalier.
        commit: The commit that it ran from, with `+changed` if files differed from it; None outside of a clone.
        python: The version of Python.
        packages: The versions of the packages that figures depend on, by name.
        platform: The operating system and its version.
        processor: The processor's own name.
        cores: Logical cores that the process may use.
        memory_gib: Memory of the machine, in GiB.
        gpus: The names of the machine's GPUs, each with its driver; none where there is none, or none can be asked.
        threads: Threads of torch in the process; each worker of a run has as many.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    espalier: Text
    commit: Text | None
    python: Text
    packages: dict[str, Text]
    platform: Text
    processor: Text
    cores: Count
    memory_gib: float
    gpus: tuple[Text, ...]
    threads: Count
