"""The verb `ablate code`, a group: components of a script that are marked in its source."""

from cli.lazy import Verb, group_of

VERBS = (
    Verb("plan", "cli.ablate.code.plan", "What would be ablated, what the LLM is asked, and the most it can cost."),
    Verb(
        "run", "cli.ablate.code.run", "Ablate every component, prove it, run all of it with several seeds, and report."
    ),
    Verb("first-call", "cli.ablate.code.first_call", "Ask an LLM for the script of a whole ablation study."),
    Verb("followup-call", "cli.ablate.code.followup_call", "Show it the error of its script, and ask again."),
)

command = group_of(VERBS, text="Ablate the marked components of a script.", no_args_is_help=True)
