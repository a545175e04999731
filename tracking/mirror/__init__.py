"""MLflow as a view of the ledger: what is shown, how it is written, brought up later, and read back."""
