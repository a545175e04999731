"""A scripted pair of models for rehearsals: a real server that answers with right and wrong solutions, by known skill."""
