"""The verb `ablate`, a group of studies: a new one is a file beside this and a line here."""

from cli.lazy import Verb, group_of

STUDIES = (
    Verb("llm", "cli.ablate.llm", "Which LLM proposes best, and is it better than classical search?"),
    Verb("code", "cli.ablate.code", "What do the marked components of a script contribute?"),
    Verb("heads", "cli.ablate.heads", "Which attention heads can a language model lose, and does agency help?"),
    Verb("resources", "cli.ablate.resources", "What do large and small LLMs cost for the tasks that they solve?"),
)

command = group_of(
    STUDIES, text="Run a study on equal terms: searches, or conditions of its own.", no_args_is_help=True
)
