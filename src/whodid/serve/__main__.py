"""`python -m whodid.serve KIND --dir DIR`: one process of the server, started by the supervisor."""

import argparse
import sys
from pathlib import Path

from whodid.config.settings import Settings
from whodid.serve.control import first_settings
from whodid.serve.own_log import set_up
from whodid.serve.process import run_or_explain

_KINDS = ("sequencer", "follower", "detector", "validator", "faces", "door")


def main() -> int:
    """Run the named process and return its exit status."""
    parser = argparse.ArgumentParser(prog="whodid.serve")
    parser.add_argument("kind", choices=_KINDS)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--name", default="")
    parser.add_argument("--fd", type=int, default=-1)
    arguments = parser.parse_args()
    settings = first_settings()
    if settings is None:  # the supervisor has ended already
        return 0
    name = arguments.name or arguments.kind
    set_up(name, settings.log)
    return run_or_explain(lambda: _run(arguments, name, settings))


def _run(arguments: argparse.Namespace, name: str, settings: Settings) -> None:
    # Imported late: no process loads what another one needs.
    match arguments.kind:
        case "sequencer":
            from whodid.serve.sequencer_process import run_sequencer  # noqa: PLC0415

            run_sequencer(arguments.dir, settings)
        case "follower":
            from whodid.serve.follower_process import run_follower  # noqa: PLC0415

            run_follower(arguments.dir, settings)
        case "detector":
            from whodid.serve.detector_process import run_detector  # noqa: PLC0415

            run_detector(arguments.dir, settings)
        case "validator":
            from whodid.serve.validator_process import run_validator  # noqa: PLC0415

            run_validator(arguments.dir, settings)
        case "faces":
            from whodid.serve.face_process import run_faces  # noqa: PLC0415

            run_faces(arguments.dir, settings)
        case _:
            from whodid.serve.door_process import run_door  # noqa: PLC0415

            run_door(arguments.dir, name, arguments.fd, settings)


if __name__ == "__main__":
    sys.exit(main())
