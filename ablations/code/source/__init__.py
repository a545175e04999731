"""Scripts as text and as trees: documents, the components marked in them, patches, and what a patch changed."""
