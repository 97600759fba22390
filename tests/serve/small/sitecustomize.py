"""Started with this folder on PYTHONPATH, a server waits seconds where it would wait minutes."""

from whodid import limits

limits.HEAD_SECONDS_MAX = 0.7
limits.TLS_SECONDS_MAX = 0.7
limits.BODY_SECONDS_MAX = 1.5
