"""Price, budget and cut a vision network, exactly.

Read `plan.py` first: everything else either builds a plan (`axes`, `trace`, `rules`, `proof`) or uses one
(`allocation`, `projection`, `importance`, `selection`, `slicing`, `checkpoint`, `export`).
"""
