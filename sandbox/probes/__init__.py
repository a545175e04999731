"""Programs that try what a sandbox has to prevent. They are read as text, and run only inside."""
