/* SHA-256 for those who hash many short messages. */
#ifndef WHODID_HASHES_H
#define WHODID_HASHES_H

#include "native.h"

#define HASH 32
#define BLOCK 64
#define MESSAGE_MAX (16 * BLOCK)
#define PADDING_MAX (BLOCK + 8)

/* A message of whole blocks, padded, on its way to its hash. */
typedef struct {
    uint32_t state[8];
    const uint8_t *data;
    size_t left;
    uint8_t *out;
} Lane;

/* Hash `head_size` bytes that fit in a block, then `size` bytes of `data`. */
void sha256(const uint8_t *head, size_t head_size, const uint8_t *data, size_t size,
            uint8_t out[HASH]);

/* Pad a message, behind which is room for PADDING_MAX, and let it begin. */
Lane lane_of(uint8_t *message, size_t size, uint8_t *out);

/* Hash what the lanes hold: two at a time, the next one when one is done. */
void run_lanes(Lane *lanes, size_t count);

#endif
