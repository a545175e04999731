"""The columns that MLflow's page of an experiment shows first: a saved view, which anyone may change or delete.

MLflow keeps saved views as tags of the experiment, in the format of its own page (version 3.17): the state of the
table as JSON, deflated. Another version that cannot read it says so and shows its own columns.
"""

import base64
import json
import zlib
from typing import Any

VIEW_TAG = "mlflow.sharedViewState.espalier"
"""The tag of the view; its last part is the key by which an address names the view."""

ADDRESS = "?viewStateShareKey=espalier"
"""What an address of the page needs to open the view."""

NAME = "Accuracy, MACs and cost"

_RUN_NAME = "attributes.`Run Name`"
_WIDTHS = {
    _RUN_NAME: 480,
    "metrics.`accuracy`": 100,
    "metrics.`macs`": 85,
    "params.`target`": 85,
    "metrics.`cost_usd`": 85,
    "attributes.`Models`": 200,
    "params.`proposer`": 85,
    "params.`dataset`": 85,
}
"""The columns of a run and their widths in pixels: wide enough for a name that says model, arm, target and result."""


def view_tag(created_ms: int) -> str:
    """Return the value of the tag.

    Args:
        created_ms: when, in milliseconds since 1970.
    """
    state = json.dumps(_state(), separators=(",", ":")).encode()
    packed = f"deflate;{base64.b64encode(zlib.compress(state)).decode()}"
    return json.dumps({"name": NAME, "createdAt": created_ms, "updatedAt": created_ms, "state": packed})


def _state() -> dict[str, Any]:
    return {
        "searchFilter": "",
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": [column for column in _WIDTHS if column != _RUN_NAME],
        "columnOrder": list(_WIDTHS),
        "columnWidths": _WIDTHS,
    }
