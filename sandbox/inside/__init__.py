"""What runs inside the sandbox, by the standard library alone: a supervisor, a referee, and the program that is judged."""
