"""What an operator sets: whodid.toml, the environment and options, checked and typed.

An unknown name is an error, and so is a value of the wrong type or out of its range. It sets
nothing by itself: what is set acts where the composition hands it on.
"""
