"""`python -m benchmarks [NAME…] [--small]`: measure, print, and keep a whole run in RESULTS.md."""

import argparse
import sys
import time

from benchmarks import (
    backtest,
    detect,
    disk,
    ingest,
    live,
    memory,
    peer,
    pipeline,
    report,
    rule_folder,
    scale,
    search,
    verify,
)
from benchmarks.lab import FULL, SMALL, Lab

NAMES = {
    "ingest": ingest.run,
    "verify": verify.run,
    "search": search.run,
    "peer": peer.run,
    "pipeline": pipeline.run,
    "disk": disk.run,
    "detect": detect.run,
    "live": live.run,
    "folder": rule_folder.run,
    "memory": memory.run,
    "scale": scale.run,
    "backtest": backtest.run,
}
"""In this order: `verify` and `search` look at the ledger that `ingest` made."""


def main() -> int:
    """Run the benchmarks that were named, or all."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(NAMES)}")
    parser.add_argument("--small", action="store_true", help="try it: less than 2 minutes")
    parser.add_argument("--list", action="store_true", help="list the names and end")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(NAMES)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if arguments.list:
        print("\n".join(NAMES))
        return 0
    chosen = [name for name in NAMES if not arguments.names or name in arguments.names]
    about = report.machine()
    lab = Lab(SMALL if arguments.small else FULL)
    sections = []
    start_s = time.monotonic()
    try:
        for name in chosen:
            print(f"== {name}", file=sys.stderr, flush=True)
            sections.append(NAMES[name](lab))
    finally:
        lab.close()
    about.append(f"The run took {(time.monotonic() - start_s) / 60:.1f} minutes.")
    print(report.render(about, sections))
    if len(chosen) == len(NAMES) and not arguments.small:
        report.write(about, sections)
    return 0


if __name__ == "__main__":
    sys.exit(main())
