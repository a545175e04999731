"""The heads study is pure: whoever runs its conditions, it does not know."""

from tests.test_architecture import ROOT, imports_of, modules_of

FOREIGN = {"ray", "mlflow", "tracking", "search", "cli", "llm_clients"}


def test_it_knows_no_executor_no_tracker_and_no_ledger() -> None:
    files = [module.file for module in modules_of(ROOT, "ablations") if module.file.startswith("ablations/heads/")]
    assert len(files) > 30
    seen = {(found.file, found.name.partition(".")[0]) for file in files for found in imports_of(ROOT, file)}
    assert [(file, package) for file, package in sorted(seen) if package in FOREIGN] == []
