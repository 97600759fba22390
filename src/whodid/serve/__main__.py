"""`python -m whodid.serve NAME --dir DIR`: one process of the server, started by the supervisor."""

import argparse
import sys
from pathlib import Path

from whodid.serve.process import run_or_explain


def main() -> int:
    """Run the named process and return its exit status."""
    parser = argparse.ArgumentParser(prog="whodid.serve")
    parser.add_argument("name", choices=("sequencer", "follower", "faces", "door"))
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--fd", type=int, default=-1)
    arguments = parser.parse_args()
    return run_or_explain(arguments.name, lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> None:
    # Imported late: no process loads what another one needs.
    match arguments.name:
        case "sequencer":
            from whodid.serve.sequencer_process import run_sequencer  # noqa: PLC0415

            run_sequencer(arguments.dir)
        case "follower":
            from whodid.serve.follower_process import run_follower  # noqa: PLC0415

            run_follower(arguments.dir)
        case "faces":
            from whodid.serve.face_process import run_faces  # noqa: PLC0415

            run_faces(arguments.dir)
        case _:
            from whodid.serve.door_process import run_door  # noqa: PLC0415

            run_door(arguments.dir, arguments.fd)


if __name__ == "__main__":
    sys.exit(main())
