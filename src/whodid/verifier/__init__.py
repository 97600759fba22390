"""The auditor's program: checks what whodid hands out, and imports nothing else of whodid.

It is written anew from the formats in `docs/explanation/format.md`, on the standard library and
Ed25519 of `cryptography`, so that who does not trust the log's own code has another to read: all of
it is in this folder. `answer` checks an answer with its proof.
"""
