"""One file per format: a received record becomes the parts of an Event. Pure: bytes in, values out.

It does not read files or sockets, does not choose ids and does not store.
"""
