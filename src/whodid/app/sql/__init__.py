"""SQL over the events, read only: DuckDB in a child process, over columns cut to what may be seen.

The process that reads the log never holds the engine: it sends the child what the reader may see,
and takes rows from it (`engine`). The child (`child`) knows no ledger, key, file or network.
"""
