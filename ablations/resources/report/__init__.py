"""The tables, sentences and plots of the resource study, made from its findings."""
