"""What runs inside the sandbox, by the standard library alone: a supervisor, a referee, and the program that is judged.

Each start imports it, so it does without modules that take long to import: no `pathlib`, no `dataclasses`.
"""
