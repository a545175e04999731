"""One condition, measured: which heads act, what that costs in quality, and what it gains in speed."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ablations.heads.agency.report import HeadsReport
from ablations.heads.bench import Bench, prepare
from ablations.heads.conditions import Factors
from ablations.heads.deciding import decide
from ablations.heads.errors import FailedGenerationError
from ablations.heads.gates import check_gates, gated
from ablations.heads.generation import Continued, Sampling, continue_prompts
from ablations.heads.language_model import LanguageModel
from ablations.heads.meters import Usage, metered, resident_mib
from ablations.heads.options import HeadsOptions
from ablations.heads.perplexity import of_generations, teacher_forced
from ablations.heads.structural import check_removal, without_closed_heads
from ablations.heads.text_figures import lexical_diversity, repetition
from ground.files import write_whole

_WARM_UP_TOKENS = 4


def measure(
    options: HeadsOptions,
    condition_factors: Mapping[str, Any],
    seed: int,
    cache_dir: Path | None,
    artifact_dir: Path | None,
) -> dict[str, float]:
    """Measure one condition with one seed.

    Args:
        options: the options of the study.
        condition_factors: arm, method, level and temperature, as `conditions` returns them.
        seed: decides texts, prompts, sampling and random selection.
        cache_dir: where the embedded model is kept; None takes the user's cache folder.
        artifact_dir: where the report of the heads, and what else was asked for, is written; None for nowhere.

    Returns:
        The figures by name, as `figures.FIGURES` describes them.

    Raises:
        HeadsError: the condition cannot be measured, or a measurement contradicts itself; no figure is made of that.
    """
    condition = Factors.model_validate(condition_factors)
    memory = {"before": resident_mib()}
    bench = prepare(options, seed, cache_dir)
    memory["model and texts"] = resident_mib()
    heads = decide(bench, condition)
    memory["heads decided"] = resident_mib()
    with _acting(bench, heads, structural=options.structural) as model:
        perplexity = teacher_forced(model, bench.held_out)
        memory["perplexity"] = resident_mib()
        continued, usage = _generate(model, bench, options, condition)
        memory["generation"] = resident_mib()
    texts = _texts(bench.model, continued)
    figures = {
        "perplexity": perplexity,
        "generation_perplexity": of_generations(bench.model, _pairs(continued)),
        **_text_figures(texts),
        **_speeds(continued),
        "peak_memory_mib": usage.peak_memory_mib,
        "cpu_percent": usage.cpu_percent,
        "parameters": float(sum(weight.numel() for weight in model.network.parameters())),
        **heads.figures(),
    }
    if artifact_dir is not None:
        removal = "removed for real" if options.structural else "masked"
        about = {"condition": condition.levels(), "seed": seed, "removal": removal, "memory_source": usage.source}
        _write(artifact_dir / "heads.json", {**about, **heads.to_json(), "figures": figures})
        if options.save_outputs:
            _write(artifact_dir / "texts.json", [{"prompt": a, "continuation": b} for a, b in texts])
        if options.memory_logging:
            _write(artifact_dir / "memory.json", {"unit": "MiB resident", **memory, "peak": usage.peak_memory_mib})
    return figures


@contextlib.contextmanager
def _acting(bench: Bench, heads: HeadsReport, *, structural: bool) -> Iterator[LanguageModel]:
    """Yield the model in which the heads are gone, by mask or for real, after a check that they are."""
    probe = bench.held_out[:1]
    if structural:
        smaller = without_closed_heads(bench.model, heads.gates)
        check_removal(bench.model, heads.gates, smaller, probe)
        yield smaller
        return
    if bool((heads.gates == 1).all()):
        yield bench.model
        return
    with gated(bench.model, heads.gates):
        check_gates(bench.model, heads.gates, probe)
        yield bench.model


def _generate(
    model: LanguageModel, bench: Bench, options: HeadsOptions, condition: Factors
) -> tuple[list[Continued], Usage]:
    prompts = [model.encode(prompt) for prompt in bench.prompts]
    warm_up = Sampling(min(_WARM_UP_TOKENS, options.num_tokens), condition.temperature, bench.seed)
    for _ in continue_prompts(model, prompts[: options.batch_size], warm_up, options.batch_size):
        pass
    sampling = Sampling(options.num_tokens, condition.temperature, bench.seed)
    with metered(model.device) as usage:
        continued = list(continue_prompts(model, prompts, sampling, options.batch_size))
    return continued, usage


def _pairs(continued: list[Continued]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    return [pair for batch in continued for pair in zip(batch.prompts, batch.generated, strict=True)]


def _texts(model: LanguageModel, continued: list[Continued]) -> list[tuple[str, str]]:
    return [(model.decode(prompt), model.decode(generated)) for prompt, generated in _pairs(continued)]


def _text_figures(texts: list[tuple[str, str]]) -> dict[str, float]:
    written = [text for _, text in texts]
    diversity, repeated = lexical_diversity(written), repetition(written)
    if diversity is None or repeated is None:
        raise FailedGenerationError(
            f"None of the {len(written)} continuations holds a word; the first is {written[0][:60]!r}. The "
            "condition fails, and no figure is made of it. Try more --num-tokens, or a lower pruning level."
        )
    return {"lexical_diversity": diversity, "repetition": repeated}


def _speeds(continued: list[Continued]) -> dict[str, float]:
    prompts = sum(len(batch.prompts) for batch in continued)
    return {
        "tokens_per_second": sum(len(new) for batch in continued for new in batch.generated)
        / sum(batch.total_s for batch in continued),
        "first_token_latency_ms": 1000 * sum(batch.first_token_s * len(batch.prompts) for batch in continued) / prompts,
        "prompt_processing_ms": 1000 * sum(batch.prompt_s * len(batch.prompts) for batch in continued) / prompts,
    }


def _write(path: Path, content: Any) -> None:
    write_whole(path, json.dumps(content, indent=1, ensure_ascii=False))
