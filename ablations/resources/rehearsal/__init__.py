"""A scripted pair of models for rehearsals: a real server that answers rightly and wrongly, by known skill."""
