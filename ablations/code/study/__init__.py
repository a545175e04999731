"""The study of a script's components on the floor of all studies: options, grid, figures, questions, trials."""
