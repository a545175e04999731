"""The table of verbs: a new one is a file beside this and a line here.

The file has the verb's options and its action in one function, `command`, whose docstring is its --help. At its top it
imports only what its options need. What costs seconds to import (torch, and every room that needs it) it imports where
it acts, so that --help and a misspelt option are answered at once; `tests/cli/test_verbs.py` holds this.
"""

from cli.lazy import Verb

VERBS = (
    Verb("search", "cli.search", "Search a strategy, fine-tune the winner, export and report."),
    Verb("resume", "cli.resume", "Go on with an interrupted run, or extend a finished one."),
    Verb("profile", "cli.profile", "Groups, isomorphic sets, exact MACs and the reachable range."),
    Verb("train", "cli.train", "Train a base from scratch with Ray Train."),
    Verb("finetune", "cli.finetune", "Fine-tune a checkpoint, or a published file, with Ray Train."),
    Verb("evaluate", "cli.evaluate", "Test accuracy (top-1, top-5), exact MACs, size and latency of a checkpoint."),
    Verb("export", "cli.export", "ONNX, torch.export or TorchScript, checked, with a model card."),
    Verb("latency", "cli.latency", "Base and pruned model side by side, in milliseconds."),
    Verb("compare", "cli.compare", "Runs side by side, from MLflow."),
    Verb("ui", "cli.ui", "MLflow's page of the runs, on this machine."),
    Verb("mlflow", "cli.mlflow", "An MLflow server for several machines, with its own database and files."),
    Verb("sync", "cli.sync", "Bring MLflow up to a run's ledger."),
    Verb("doctor", "cli.doctor", "Is everything there: keys, endpoints, Ray, MLflow, disk, machine."),
    Verb("ablate", "cli.ablate", "Run a study on equal terms: searches, or conditions of its own."),
)
