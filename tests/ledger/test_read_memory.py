from whodid.ledger.read_memory import USUAL, ReadMemory
from whodid.limits import ANSWERING_MEMORY_BYTES, ANSWERING_MEMORY_BYTES_MIN


def bytes_of(memory):
    return memory.columns + memory.block_heads + memory.records + memory.frames


def test_the_usual_memory_has_the_usual_shares():
    assert ReadMemory.of(ANSWERING_MEMORY_BYTES) == USUAL


def test_what_is_kept_grows_with_the_memory_and_leaves_room_for_the_program():
    sizes = [ANSWERING_MEMORY_BYTES_MIN, ANSWERING_MEMORY_BYTES, 2 * ANSWERING_MEMORY_BYTES]
    kept = [ReadMemory.of(size) for size in sizes]
    assert bytes_of(kept[0]) < bytes_of(kept[1]) < bytes_of(kept[2])
    assert [memory.leaf_files for memory in kept] == sorted({m.leaf_files for m in kept})
    for size, memory in zip(sizes, kept, strict=True):
        assert bytes_of(memory) + 400_000 * memory.leaf_files < size - 100 * 2**20


def test_less_than_the_least_is_the_least():
    assert ReadMemory.of(1) == ReadMemory.of(ANSWERING_MEMORY_BYTES_MIN)
