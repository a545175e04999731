"""MLflow as a view of the ledger: translation of events, writing, later synchronisation, and reading back."""
