"""Started with this folder on PYTHONPATH, a server gives its processes ten minutes to end."""

from whodid.serve import supervisor

supervisor._STOP_WAIT_S = 600.0
