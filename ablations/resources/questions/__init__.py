"""The four questions of the study, answered from outcomes alone: efficiency, accuracy, balance and routing."""
