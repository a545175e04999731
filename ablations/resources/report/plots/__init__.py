"""The plots of the resource study."""
