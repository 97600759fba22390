"""The HTTP API for programs: read, tail, prove, watch. `make_api` returns its routes.

Every read is an event before it is answered (`Reading` sees to that). Taking events in is another
room's (`sources.http`), in a process of its own. It renders no HTML and sets no cookie.
"""
