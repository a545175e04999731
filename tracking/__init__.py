"""The record of a run: an append-only ledger that is the truth, and MLflow as its view.

Import from the modules: ``tracking.ledger``, ``tracking.payloads``, ``tracking.runs``, ``tracking.tracker``,
``tracking.mlflow_view``, ``tracking.sync`` and ``tracking.reading``. Only the MLflow modules import MLflow, and
they do so when they are used: it takes seconds.
"""
