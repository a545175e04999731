"""Tests of the resource study: arms."""
