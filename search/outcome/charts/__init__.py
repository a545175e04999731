"""The charts of the report: SVG that works from a file, is readable on a phone, and tells values on hovering."""
