"""The floor of all studies: conditions, their measurement and ledger, statistics, tables, plots and one page."""
