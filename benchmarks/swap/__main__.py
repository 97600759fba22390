"""`python -m benchmarks.swap [--tune] [--small]`: run it and write benchmarks/LEARNING.md."""

import argparse
import sys

from benchmarks.swap import histories
from benchmarks.swap.report import report
from benchmarks.swap.tune import tune


def main() -> int:
    """Run the benchmark, or find the weights anew."""
    parser = argparse.ArgumentParser(prog="benchmarks.swap", description=__doc__)
    parser.add_argument("--tune", action="store_true", help="find the weights, print them and end")
    parser.add_argument("--small", action="store_true", help="one seed, two histories; no file")
    parser.add_argument(
        "--only", default="", choices=("histories", "swaps", "families", "speed"),
        help="measure one section of LEARNING.md anew and keep the others",
    )  # fmt: skip
    arguments = parser.parse_args()
    if arguments.tune:
        print(tune(histories.tuning(), histories.TUNING_SWAP_SEED))
        return 0
    report(small=arguments.small, only=arguments.only)
    return 0


if __name__ == "__main__":
    sys.exit(main())
