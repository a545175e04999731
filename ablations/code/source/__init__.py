"""Scripts as text and as trees: documents, the components that are marked in them, patches, and what a patch changed."""
