"""The Merkle log as mathematics: tree, tiles, checkpoints, commitments. Pure: bytes in, bytes out.

It follows RFC 6962 / RFC 9162 (SHA-256) and the C2SP specifications tlog-tiles, tlog-checkpoint and
signed-note. It does not read or write files, keep keys, or know what a leaf of whodid holds.
"""
