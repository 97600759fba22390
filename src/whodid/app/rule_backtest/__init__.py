"""A rule over history for a server: in a process of its own, one at a time, with bounds.

The faces hold the runs (`runs`), a child looks (`child`); what they say to each other is in `task`.
"""
