/* Pieces of one text, given by the places where each begins and ends: joined, or numbered.
 *
 * Their hashes are keyed by a secret of the process, so that nobody can choose pieces that collide.
 */
#include "native.h"

#include <stdlib.h>
#include <string.h>

/* --- places ------------------------------------------------------------------------------------ */

int64_t place_at(const Py_buffer *places, Py_ssize_t number) {
    int64_t place;
    memcpy(&place, (const char *)places->buf + number * (Py_ssize_t)sizeof place, sizeof place);
    return place;
}

/* Return how many pieces there are; -1 with an error where one is not within the data. */
Py_ssize_t count_places(const Py_buffer *begin, const Py_buffer *end, Py_ssize_t size) {
    Py_ssize_t count = begin->len / (Py_ssize_t)sizeof(int64_t);
    int good = begin->len == end->len && begin->len % (Py_ssize_t)sizeof(int64_t) == 0;
    for (Py_ssize_t i = 0; good && i < count; i++)
        good = place_at(begin, i) >= 0 && place_at(end, i) >= place_at(begin, i) &&
               place_at(end, i) <= (int64_t)size;
    if (!good)
        PyErr_SetString(PyExc_ValueError, "pieces that are not within the data");
    return good ? count : -1;
}

/* --- which pieces are equal -------------------------------------------------------------------- */

static const uint64_t M1 = 0x9E3779B97F4A7C15, M2 = 0xC2B2AE3D27D4EB4F, M3 = 0x165667B19E3779F9;

/* Both halves of a product of 128 bits, folded: no difference of the factors goes through unkeyed. */
static inline uint64_t folded(uint64_t a, uint64_t b) {
#ifdef __SIZEOF_INT128__
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
    uint64_t middle = ah * bl + (al * bl >> 32), other = al * bh + (uint32_t)middle;
    return (a * b) ^ (ah * bh + (middle >> 32) + (other >> 32));
#endif
}

static inline uint64_t eight(const uint8_t *data) {
    uint64_t number;
    memcpy(&number, data, sizeof number);
    return number;
}

uint64_t keyed_hash(const uint8_t *data, size_t size, uint64_t key) {
    uint64_t state = key ^ (size * M1), last[2] = {0, 0};
    for (; size > 16; data += 16, size -= 16)
        state = folded(eight(data) ^ key ^ M2, eight(data + 8) ^ state);
    memcpy(last, data, size);
    return folded(folded(last[0] ^ key ^ M2, last[1] ^ state), key ^ M3);
}

typedef struct {
    uint32_t number, hash;
} Slot;

/* The distinct pieces so far: `slots` lead to their numbers (from 1 on), `first` to their places. */
typedef struct {
    const uint8_t *data;
    const Py_buffer *begin, *end;
    Slot *slots;
    int64_t *first;
    size_t mask;
    uint32_t count;
    uint64_t key;
} Distinct;

/* False, with an error, without memory; what was taken then is freed by `distinct_free` too. */
static int distinct_start(Distinct *found, Py_ssize_t pieces) {
    size_t slots = 64;
    if (pieces >= INT32_MAX / 4) {
        PyErr_SetString(PyExc_ValueError, "too many pieces in one call");
        return 0;
    }
    while (slots < 2 * (size_t)pieces)
        slots *= 2;
    found->mask = slots - 1;
    found->slots = calloc(slots, sizeof(Slot));
    found->first = malloc((size_t)pieces * sizeof(int64_t) + 1);
    if (found->slots == NULL || found->first == NULL)
        PyErr_NoMemory();
    return found->slots != NULL && found->first != NULL;
}

static void distinct_free(Distinct *found) {
    free(found->slots);
    free(found->first);
}

/* Return the number of piece `at`, from 0 on: that of an equal one before it, else the next. */
static uint32_t distinct_put(Distinct *found, Py_ssize_t at) {
    const uint8_t *data = found->data + place_at(found->begin, at);
    size_t size = (size_t)(place_at(found->end, at) - place_at(found->begin, at));
    uint64_t hash = keyed_hash(data, size, found->key);
    size_t slot = (size_t)hash & found->mask;
    uint32_t high = (uint32_t)(hash >> 32);
    for (; found->slots[slot].number != 0; slot = (slot + 1) & found->mask) {
        if (found->slots[slot].hash != high)
            continue;
        uint32_t number = found->slots[slot].number - 1;
        int64_t other = found->first[number], start = place_at(found->begin, other);
        if ((size_t)(place_at(found->end, other) - start) == size &&
            memcmp(found->data + start, data, size) == 0)
            return number;
    }
    found->first[found->count] = at;
    found->slots[slot] = (Slot){found->count + 1, high};
    return found->count++;
}

PyObject *native_number(PyObject *Py_UNUSED(module), PyObject *args) {
    const char *data;
    Py_ssize_t size;
    Py_buffer begin, end;
    PyObject *made = NULL;
    if (!PyArg_ParseTuple(args, "y#y*y*", &data, &size, &begin, &end))
        return NULL;
    Py_ssize_t count = count_places(&begin, &end, size);
    Distinct found = {(const uint8_t *)data, &begin, &end, NULL, NULL, 0, 0, native_secret()};
    int32_t *codes = count < 0 ? NULL : malloc((size_t)count * sizeof(int32_t) + 1);
    if (count >= 0 && codes == NULL)
        PyErr_NoMemory();
    if (codes != NULL && distinct_start(&found, count)) {
        for (Py_ssize_t i = 0; i < count; i++)
            codes[i] = (int32_t)distinct_put(&found, i);
        made = Py_BuildValue("y#y#", (const char *)codes, count * (Py_ssize_t)sizeof(int32_t),
                             (const char *)found.first,
                             (Py_ssize_t)(found.count * sizeof(int64_t)));
    }
    distinct_free(&found);
    free(codes);
    PyBuffer_Release(&begin);
    PyBuffer_Release(&end);
    return made;
}

/* --- names in JSON ----------------------------------------------------------------------------- */

#define NAMES_MAX 128
#define NAME_BYTES_MAX 64

/* Return the different texts that stand as "text": in some JSON; None for very many. */
PyObject *native_names(PyObject *Py_UNUSED(module), PyObject *text) {
    const uint8_t *data, *slots[2 * NAMES_MAX] = {NULL};
    size_t size, sizes[2 * NAMES_MAX] = {0}, count = 0;
    if (bytes_of(text, &data, &size) < 0)
        return NULL;
    PyObject *made = PySet_New(NULL);
    const uint8_t *end = data + size, *colon = data;
    while (made != NULL && (colon = memchr(colon, ':', (size_t)(end - colon))) != NULL) {
        if (colon++ - data < 2 || colon[-2] != '"')
            continue;
        const uint8_t *stop = colon - 2, *start = stop - 1;
        while (start > data && *start != '"' && stop - start <= NAME_BYTES_MAX)
            start--;
        size_t length = (size_t)(stop - start) - 1;
        if (*start++ != '"')
            continue;
        size_t slot = (size_t)keyed_hash(start, length, native_secret()) % (2 * NAMES_MAX);
        while (slots[slot] != NULL &&
               (sizes[slot] != length || memcmp(slots[slot], start, length) != 0))
            slot = (slot + 1) % (2 * NAMES_MAX);
        if (slots[slot] != NULL)
            continue;
        slots[slot] = start, sizes[slot] = length;
        PyObject *name = PyBytes_FromStringAndSize((const char *)start, (Py_ssize_t)length);
        if (name == NULL || PySet_Add(made, name) < 0)
            Py_CLEAR(made);
        Py_XDECREF(name);
        if (++count == NAMES_MAX && made != NULL) {
            Py_DECREF(made);
            return Py_NewRef(Py_None);
        }
    }
    return made;
}

/* --- joining ----------------------------------------------------------------------------------- */

/* What is joined: pieces behind a head, something between them. */
typedef struct {
    const char *head, *between;
    Py_ssize_t head_size, between_size;
    Py_buffer data, begin, end;
    int once;
} Joined;

/* Long pieces are hardly ever equal: they are not looked up. */
#define ONCE_BYTES_MAX 256

/* Keep the numbers of the pieces that equal none before them; return how many, -1 with an error. */
static Py_ssize_t keep_first(const Joined *joined, Py_ssize_t count, int64_t *kept) {
    Distinct found = {joined->data.buf, &joined->begin, &joined->end, NULL, NULL, 0, 0,
                      native_secret()};
    Py_ssize_t left = -1;
    if (distinct_start(&found, count)) {
        left = 0;
        for (Py_ssize_t i = 0; i < count; i++) {
            uint32_t known = found.count;
            int is_long = place_at(&joined->end, i) - place_at(&joined->begin, i) > ONCE_BYTES_MAX;
            if (is_long || distinct_put(&found, i) == known)
                kept[left++] = i;
        }
    }
    distinct_free(&found);
    return left;
}

/* Write the pieces at these numbers, or all (NULL), one after the other. */
static PyObject *write_joined(const Joined *joined, Py_ssize_t count, const int64_t *kept) {
    Py_ssize_t total = joined->head_size;
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_ssize_t at = kept == NULL ? i : (Py_ssize_t)kept[i];
        Py_ssize_t more = (Py_ssize_t)(place_at(&joined->end, at) - place_at(&joined->begin, at));
        more += i ? joined->between_size : 0;
        if (more > PY_SSIZE_T_MAX - total)
            return PyErr_NoMemory();
        total += more;
    }
    PyObject *made = PyBytes_FromStringAndSize(NULL, total);
    char *out = made == NULL ? NULL : PyBytes_AsString(made);
    if (out == NULL)
        return NULL;
    memcpy(out, joined->head, (size_t)joined->head_size);
    out += joined->head_size;
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_ssize_t at = kept == NULL ? i : (Py_ssize_t)kept[i];
        size_t size = (size_t)(place_at(&joined->end, at) - place_at(&joined->begin, at));
        if (i) {
            memcpy(out, joined->between, (size_t)joined->between_size);
            out += joined->between_size;
        }
        memcpy(out, (const char *)joined->data.buf + place_at(&joined->begin, at), size);
        out += size;
    }
    return made;
}

PyObject *native_join(PyObject *Py_UNUSED(module), PyObject *args) {
    Joined joined;
    PyObject *made = NULL;
    if (!PyArg_ParseTuple(args, "y#y*y*y*y#p", &joined.head, &joined.head_size, &joined.data,
                          &joined.begin, &joined.end, &joined.between, &joined.between_size,
                          &joined.once))
        return NULL;
    Py_ssize_t count = count_places(&joined.begin, &joined.end, joined.data.len);
    int64_t *kept = NULL;
    if (count >= 0 && joined.once) {
        kept = malloc((size_t)count * sizeof(int64_t) + 1);
        if (kept == NULL)
            PyErr_NoMemory();
        count = kept == NULL ? -1 : keep_first(&joined, count, kept);
    }
    if (count >= 0)
        made = write_joined(&joined, count, kept);
    free(kept);
    PyBuffer_Release(&joined.data);
    PyBuffer_Release(&joined.begin);
    PyBuffer_Release(&joined.end);
    return made;
}
