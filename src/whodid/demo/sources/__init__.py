"""How each system writes down what it saw: one file per source, an act becomes a record's bytes.

A recorder is made anew for each story, is given its acts in order of time, and may keep what its
format needs between records (line numbers, process ids). It knows nothing of the plot.
"""
