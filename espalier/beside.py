"""Imported before anything else of the library: a program with a `search/` of its own is told so, in words."""

from ground.rooms import refuse_namesakes

refuse_namesakes()
