/* Paths of a record, and the looks at what stands there: made by `plant`, used by `pruned`. */
#ifndef WHODID_PLANTED_H
#define WHODID_PLANTED_H

#include "native.h"

#include <string.h>

/* A key on some path; `whole` where one ends. `table` has the keys below by their hash: 1 + their
 * place among the branches, 0 for none; its size is a power of two. `probe` is what `walk` takes of
 * this path, or NULL, and `texts` its table of texts. */
typedef struct {
    PyObject *key;
    const uint8_t *text;
    size_t size;
    int whole;
    PyObject *probe;
    PyObject *texts;
    uint32_t *table;
    uint32_t mask;
} Branch;

typedef struct {
    uint64_t number; /* another one for each that was planted */
    Branch *branches;
    uint32_t used;
    PyObject *probes; /* as `walk` takes them, or None */
} Paths;

static inline uint32_t hash_of(const uint8_t *text, size_t size) {
    uint32_t hash = (uint32_t)size;
    if (size)
        hash = hash * 31 + text[0] * 7u + text[size - 1] * 131u + text[size / 2] * 17u;
    return hash ^ hash >> 5;
}

static inline const Branch *branch_of(const Paths *paths, const Branch *above, const uint8_t *text,
                                      size_t size) {
    uint32_t number;
    if (above->table == NULL)
        return NULL;
    for (uint32_t i = hash_of(text, size) & above->mask; (number = above->table[i]) != 0;
         i = (i + 1) & above->mask) {
        const Branch *branch = &paths->branches[number - 1];
        if (branch->size == size && memcmp(branch->text, text, size) == 0)
            return branch;
    }
    return NULL;
}

Paths *planted_paths(PyObject *capsule);
PyObject *planted_text(const Paths *paths, const Branch *branch, const uint8_t *data, size_t size,
                       PyObject **found);

#endif
