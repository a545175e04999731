"""The record of a run: an append-only ledger is the source of truth, and MLflow is a view of it.

`tracking.ledger` writes ledgers, `tracking.reader` reads them, and `tracking.mirror.query` reads runs back from MLflow.
Import from the modules, not from this package. Only `tracking.mirror` imports MLflow, and only when it is used,
because that import takes seconds.
"""
