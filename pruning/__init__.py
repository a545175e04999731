"""Structured pruning of vision networks, with exact costs and exact budgets.

Read `plan.py` first: every other module either builds a plan (`axes`, `trace`, `rules`, `proof`) or uses one
(`allocation`, `projection`, `importance`, `selection`, `slicing`, `checkpoint`, `export`).
"""
