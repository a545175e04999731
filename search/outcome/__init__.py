"""What came of a run, derived from its ledger: summary, explanation, plots, report, card."""
