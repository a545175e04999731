"""The files that describe clusters, and a cluster of hosts on one machine."""
