"""`whodid verify` on the ledger that the burst made, as a user runs it: a process of its own."""

import json
import time

from benchmarks.lab import Lab
from benchmarks.report import Section, at_least, say
from benchmarks.server import Server

_TREE_RUNS, _PAYLOAD_RUNS = 3, 2


def run(lab: Lab) -> Section:
    """Measure and return the figures."""
    server = lab.server()
    server.wait_current(lab.size.current_s_max)
    public = server.home / "public-key"
    public.write_text(server.keys.vkey().encode() + "\n")
    say("verify: the tree alone")
    tree = [_verify(server, "--pub", str(public)) for _ in range(_TREE_RUNS)]
    say("verify: every payload opened")
    whole = [_verify(server) for _ in range(_PAYLOAD_RUNS)]
    leaves, _, tree_s = min(tree, key=lambda item: item[2])
    _, opened, whole_s = min(whole, key=lambda item: item[2])
    return Section(
        "Verify",
        [
            at_least(
                "tree alone (public key only)", leaves / tree_s, 400_000, "leaves/s",
                f"{leaves:,} leaves in {tree_s:.1f} s",
            ),
            at_least(
                "every payload opened and compared", opened / whole_s, 60_000, "events/s",
                f"{opened:,} opened in {whole_s:.1f} s",
            ),
        ],
        [
            (
                f"Best of {_TREE_RUNS} and of {_PAYLOAD_RUNS} runs of the command, its start "
                "included, files in the page cache, the server idle beside it. Both check files, "
                "write-ahead log, leaves, tiles, roots, signatures and sequences."
            ),
        ],
    )  # fmt: skip


def _verify(server: Server, *arguments: str) -> tuple[int, int, float]:
    start_s = time.perf_counter()
    text = server.command("verify", str(server.ledger), "--json", *arguments)
    seconds = time.perf_counter() - start_s
    verdict = json.loads(text)
    if not verdict["ok"]:
        raise RuntimeError(f"the ledger does not verify: {verdict['faults'][:3]}")
    return verdict["leaves"], verdict["opened"], seconds
