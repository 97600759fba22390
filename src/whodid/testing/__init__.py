"""Public test kits: what a plug-in of whodid must pass. Not imported by the program itself."""
