"""One file per wire format: each states only what differs between servers."""
