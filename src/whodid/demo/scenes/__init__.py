"""What should not have happened: one file per scene; `demo.plot` tells what to look for."""
