"""The record of a run: an append-only ledger that is the truth, and MLflow as its view.

Import from the modules: ``tracking.ledger``, ``tracking.payloads``, ``tracking.runs``, ``tracking.tracker``,
``tracking.mirror.mlflow_view``, ``tracking.mirror.sync`` and ``tracking.mirror.query``. Only the mirror imports
MLflow, and it does so when it is used: it takes seconds.
"""
