"""Writes traces to MLflow without MLflow's own tracer.

That tracer draws random ids and sends traces from a thread of its own, so a repeated sync would duplicate them. Here
the id of a trace follows from its run and call, and both API calls overwrite what exists.
"""

import base64
import hashlib
import json
from collections.abc import Iterable
from typing import Any

from tracking.mirror.mlflow_store import Store
from tracking.mirror.operations import Assessment, Span, Trace

_PREVIEW = 1000
"""Characters that MLflow's list of traces shows."""


def write_trace(store: Store, experiment_id: str, run: str, trace: Trace, prompt: str | None = None) -> None:
    """Write a trace with its assessments and link it to an MLflow run. Repeating this changes nothing.

    A server that is too old for spans raises `NotImplementedError`; the call is also among the artifacts of the run.

    Args:
        store: The open store.
        experiment_id: MLflow's id of the experiment.
        run: MLflow's id of the run.
        trace: The trace to write.
        prompt: The version of its prompt, as `mlflow_prompts.linked` names it.
    """
    from mlflow.entities import TraceInfo, TraceLocation, TraceState
    from mlflow.tracing.client import TracingClient
    from mlflow.tracing.constant import TraceMetadataKey, TraceTagKey

    root = trace.spans[0]
    trace_id = _trace_id(run, trace)
    client = TracingClient(store.uri)
    info = TraceInfo(
        trace_id=trace_id,
        trace_location=TraceLocation.from_experiment_id(experiment_id),
        request_time=root.start_ns // 10**6,
        execution_duration=(root.end_ns - root.start_ns) // 10**6,
        state=TraceState.OK if root.error is None else TraceState.ERROR,
        request_preview=_preview(root.inputs),
        response_preview=_preview(root.outputs),
        trace_metadata={TraceMetadataKey.SOURCE_RUN: run},
        tags={
            TraceTagKey.TRACE_NAME: root.name,
            **({} if prompt is None else {TraceTagKey.LINKED_PROMPTS: prompt}),
            **trace.tags,
        },
        assessments=[_assessment(trace_id, trace, assessment) for assessment in trace.assessments],
    )
    client.start_trace(info)
    client.log_spans(experiment_id, list(_spans(trace_id, trace)))


def _assessment(trace_id: str, trace: Trace, assessment: Assessment) -> Any:
    """An assessment whose id follows from its trace and its key, so that writing it again replaces it."""
    from mlflow.entities import AssessmentSource, AssessmentSourceType, Feedback

    made = Feedback(
        name=assessment.name,
        value=assessment.value,
        rationale=assessment.rationale,
        source=AssessmentSource(source_type=AssessmentSourceType.CODE, source_id="espalier"),
        trace_id=trace_id,
        create_time_ms=trace.ended_ms,
        last_update_time_ms=trace.ended_ms,
    )
    made.assessment_id = "a-" + hashlib.sha256(f"{trace_id}:{assessment.key}".encode()).hexdigest()[:32]
    return made


def _spans(trace_id: str, trace: Trace) -> Iterable[Any]:
    from mlflow.entities import Span as MlflowSpan

    number = trace_id.removeprefix("tr-")
    root_id = _span_id(number, 0)
    for index, span in enumerate(trace.spans):
        yield MlflowSpan.from_dict(
            {
                "trace_id": base64.b64encode(bytes.fromhex(number)).decode(),
                "span_id": _span_id(number, index),
                "parent_span_id": root_id if index else None,
                "name": span.name,
                "start_time_unix_nano": span.start_ns,
                "end_time_unix_nano": span.end_ns,
                "status": {"code": "OK" if span.error is None else "ERROR", "message": span.error or ""},
                "attributes": {name: json.dumps(value) for name, value in _attributes(trace_id, span).items()},
                "events": [],
            }
        )


def _attributes(trace_id: str, span: Span) -> dict[str, Any]:
    from mlflow.tracing.constant import SpanAttributeKey

    known = {
        SpanAttributeKey.REQUEST_ID: trace_id,
        SpanAttributeKey.SPAN_TYPE: span.kind,
        SpanAttributeKey.INPUTS: span.inputs,
        SpanAttributeKey.OUTPUTS: span.outputs,
        SpanAttributeKey.MODEL: span.model,
        SpanAttributeKey.CHAT_USAGE: span.tokens and {**span.tokens, "total_tokens": sum(span.tokens.values())},
        SpanAttributeKey.LLM_COST: None if span.cost_usd is None else {"total_cost": span.cost_usd},
    }
    return {name: value for name, value in (known | dict(span.attributes)).items() if value is not None}


def _trace_id(run: str, trace: Trace) -> str:
    return "tr-" + hashlib.sha256(f"{run}:{trace.key}".encode()).hexdigest()[:32]


def _span_id(number: str, index: int) -> str:
    return base64.b64encode(hashlib.sha256(f"{number}:{index}".encode()).digest()[:8]).decode()


def _preview(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _PREVIEW else text[: _PREVIEW - 1] + "…"
