"""The steps of a run, one file each: plan, base, search, fine-tune, export, evaluation."""
