/* Commitments of many rows (`merkle.commitment` says what they are): SHA-256, and SHAKE128 for salts. */
#include "hashes.h"

#include <stdlib.h>
#include <string.h>

#define GROUPS 8
#define SEED 16
#define SALT 16

/* --- SHAKE128 (FIPS 202) of at most 167 bytes, the first 168 of its output ----------------------- */

#define RATE 168

static const uint64_t ROUND[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

static inline uint64_t left(uint64_t x, int n) { return x << n | x >> (64 - n); }

/* The lanes stand at 5 y + x. rho and pi walk along one cycle through 24 of them: a lane moves to
 * `place` and is turned. Written out, so that lanes stay in registers. */
#define COLUMN(x) (a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20])
#define THETA(x, d) (a[x] ^= d, a[x + 5] ^= d, a[x + 10] ^= d, a[x + 15] ^= d, a[x + 20] ^= d)
#define MOVE(place, turn) (kept = a[place], a[place] = left(moving, turn), moving = kept)
#define CHI(y)                                                                                     \
    do {                                                                                           \
        uint64_t c0 = a[y], c1 = a[y + 1], c2 = a[y + 2], c3 = a[y + 3], c4 = a[y + 4];            \
        a[y] = c0 ^ (~c1 & c2), a[y + 1] = c1 ^ (~c2 & c3), a[y + 2] = c2 ^ (~c3 & c4);            \
        a[y + 3] = c3 ^ (~c4 & c0), a[y + 4] = c4 ^ (~c0 & c1);                                    \
    } while (0)

static void keccak(uint64_t lanes[25]) {
    uint64_t a[25];
    memcpy(a, lanes, sizeof a);
    for (int r = 0; r < 24; r++) {
        uint64_t c0 = COLUMN(0), c1 = COLUMN(1), c2 = COLUMN(2), c3 = COLUMN(3), c4 = COLUMN(4);
        THETA(0, (c4 ^ left(c1, 1)));
        THETA(1, (c0 ^ left(c2, 1)));
        THETA(2, (c1 ^ left(c3, 1)));
        THETA(3, (c2 ^ left(c4, 1)));
        THETA(4, (c3 ^ left(c0, 1)));
        uint64_t moving = a[1], kept;
        MOVE(10, 1), MOVE(7, 3), MOVE(11, 6), MOVE(17, 10), MOVE(18, 15), MOVE(3, 21);
        MOVE(5, 28), MOVE(16, 36), MOVE(8, 45), MOVE(21, 55), MOVE(24, 2), MOVE(4, 14);
        MOVE(15, 27), MOVE(23, 41), MOVE(19, 56), MOVE(13, 8), MOVE(12, 25), MOVE(2, 43);
        MOVE(20, 62), MOVE(14, 18), MOVE(22, 39), MOVE(9, 61), MOVE(6, 20), MOVE(1, 44);
        CHI(0);
        CHI(5);
        CHI(10);
        CHI(15);
        CHI(20);
        a[0] ^= ROUND[r];
    }
    memcpy(lanes, a, sizeof a);
}

static void shake128(const uint8_t *data, size_t size, uint8_t out[RATE]) {
    uint64_t lanes[25] = {0};
    uint8_t block[RATE] = {0};
    memcpy(block, data, size);
    block[size] = 0x1f;
    block[RATE - 1] |= 0x80;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(lanes, block, RATE);
    keccak(lanes);
    memcpy(out, lanes, RATE);
#else
    for (int i = 0; i < RATE / 8; i++)
        for (int b = 7; b >= 0; b--)
            lanes[i] = lanes[i] << 8 | block[8 * i + b];
    keccak(lanes);
    for (int i = 0; i < RATE; i++)
        out[i] = (uint8_t)(lanes[i / 8] >> 8 * (i % 8));
#endif
}

/* --- commitments (`merkle.commitment` says what they are) ----------------------------------- */

static const char SALT_PREFIX[] = "whodid/salt/v1";
static const char GROUP_PREFIX[] = "whodid/group/v1";
static const char EVENT_PREFIX[] = "whodid/event/v1";
#define LENGTH(text) (sizeof(text) - 1)

/* One row: its seed of SEED bytes, and its groups. */
typedef struct {
    const uint8_t *seed, *data[GROUPS];
    size_t size[GROUPS];
} Row;

#define EVENT_BYTES (LENGTH(EVENT_PREFIX) + GROUPS * HASH)
#define ROWS_AT_ONCE 2

/* What is made of some rows at once: the messages of their groups, then those of the events. */
typedef struct {
    uint8_t messages[ROWS_AT_ONCE * GROUPS][MESSAGE_MAX + PADDING_MAX];
    uint8_t events[ROWS_AT_ONCE][EVENT_BYTES + PADDING_MAX];
    Lane lanes[ROWS_AT_ONCE * GROUPS];
} Bench;

/* Commit to at most ROWS_AT_ONCE rows; long groups go alone. */
static void commit_rows(const Row *rows, size_t count, Bench *bench, uint8_t *out) {
    const size_t salted = LENGTH(GROUP_PREFIX) + 1 + SALT;
    size_t lanes = 0;
    for (size_t r = 0; r < count; r++) {
        uint8_t head[BLOCK], salts[RATE], *event = bench->events[r];
        memcpy(head, SALT_PREFIX, LENGTH(SALT_PREFIX));
        memcpy(head + LENGTH(SALT_PREFIX), rows[r].seed, SEED);
        shake128(head, LENGTH(SALT_PREFIX) + SEED, salts);
        memcpy(head, GROUP_PREFIX, LENGTH(GROUP_PREFIX));
        memcpy(event, EVENT_PREFIX, LENGTH(EVENT_PREFIX));
        for (int g = 0; g < GROUPS; g++) {
            uint8_t *made = event + LENGTH(EVENT_PREFIX) + g * HASH;
            head[LENGTH(GROUP_PREFIX)] = (uint8_t)(g + 1);
            memcpy(head + LENGTH(GROUP_PREFIX) + 1, salts + g * SALT, SALT);
            if (rows[r].size[g] > MESSAGE_MAX - salted) {
                sha256(head, salted, rows[r].data[g], rows[r].size[g], made);
                continue;
            }
            uint8_t *message = bench->messages[lanes];
            memcpy(message, head, salted);
            memcpy(message + salted, rows[r].data[g], rows[r].size[g]);
            bench->lanes[lanes++] = lane_of(message, salted + rows[r].size[g], made);
        }
    }
    run_lanes(bench->lanes, lanes);
    for (size_t r = 0; r < count; r++)
        bench->lanes[r] = lane_of(bench->events[r], EVENT_BYTES, out + r * HASH);
    run_lanes(bench->lanes, count);
}

/* Read a row: a seed and a tuple of eight groups. */
static int read_row(PyObject *seed, PyObject *groups, Row *row) {
    size_t size;
    if (seed == NULL || groups == NULL || bytes_of(seed, &row->seed, &size) < 0)
        return -1;
    if (size != SEED || !PyTuple_Check(groups) || PyTuple_Size(groups) != GROUPS) {
        PyErr_SetString(PyExc_ValueError, "a row is a seed of 16 bytes and a tuple of eight groups");
        return -1;
    }
    for (int g = 0; g < GROUPS; g++)
        if (bytes_of(PyTuple_GetItem(groups, g), &row->data[g], &row->size[g]) < 0)
            return -1;
    return 0;
}

PyObject *native_commitments(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *seeds, *rows;
    if (!PyArg_ParseTuple(args, "O!O!", &PyList_Type, &seeds, &PyList_Type, &rows))
        return NULL;
    Py_ssize_t count = PyList_Size(seeds);
    if (PyList_Size(rows) != count)
        return PyErr_Format(PyExc_ValueError, "there are not as many seeds as rows");
    PyObject *made = PyList_New(count);
    Bench *bench = malloc(sizeof *bench);
    if (bench == NULL && made != NULL) {
        PyErr_NoMemory();
        Py_CLEAR(made);
    }
    for (Py_ssize_t i = 0; made != NULL && i < count; i += ROWS_AT_ONCE) {
        uint8_t out[ROWS_AT_ONCE * HASH];
        Row row[ROWS_AT_ONCE];
        Py_ssize_t many = count - i < ROWS_AT_ONCE ? count - i : ROWS_AT_ONCE, good = 0;
        while (good < many &&
               read_row(PyList_GetItem(seeds, i + good), PyList_GetItem(rows, i + good),
                        &row[good]) == 0)
            good++;
        if (good == many)
            commit_rows(row, (size_t)many, bench, out);
        for (Py_ssize_t r = 0; made != NULL && r < many; r++) {
            PyObject *one = NULL;
            if (good == many)
                one = PyBytes_FromStringAndSize((char *)out + r * HASH, HASH);
            if (one == NULL || PyList_SetItem(made, i + r, one) < 0)
                Py_CLEAR(made);
        }
    }
    free(bench);
    return made;
}

/* Rows by column: group g of row i is piece g x rows + i of the data. */
PyObject *native_commitments_at(PyObject *Py_UNUSED(module), PyObject *args) {
    const char *seeds, *data;
    Py_ssize_t seeds_size, size;
    Py_buffer begin, end;
    PyObject *made = NULL;
    if (!PyArg_ParseTuple(args, "y#y#y*y*", &seeds, &seeds_size, &data, &size, &begin, &end))
        return NULL;
    Py_ssize_t count = count_places(&begin, &end, size), rows = seeds_size / SEED;
    if (count >= 0 && (seeds_size % SEED || count % GROUPS || count / GROUPS != rows))
        PyErr_SetString(PyExc_ValueError, "a row is a seed of 16 bytes and eight groups");
    else if (count >= 0)
        made = PyBytes_FromStringAndSize(NULL, rows * HASH);
    Bench *bench = made == NULL ? NULL : malloc(sizeof *bench);
    if (made != NULL && bench == NULL) {
        PyErr_NoMemory();
        Py_CLEAR(made);
    }
    char *out = made == NULL ? NULL : PyBytes_AsString(made);
    for (Py_ssize_t i = 0; out != NULL && i < rows; i += ROWS_AT_ONCE) {
        Row row[ROWS_AT_ONCE];
        Py_ssize_t many = rows - i < ROWS_AT_ONCE ? rows - i : ROWS_AT_ONCE;
        for (Py_ssize_t r = 0; r < many; r++) {
            row[r].seed = (const uint8_t *)seeds + (i + r) * SEED;
            for (int g = 0; g < GROUPS; g++) {
                int64_t start = place_at(&begin, g * rows + i + r);
                row[r].data[g] = (const uint8_t *)data + start;
                row[r].size[g] = (size_t)(place_at(&end, g * rows + i + r) - start);
            }
        }
        commit_rows(row, (size_t)many, bench, (uint8_t *)out + i * HASH);
    }
    free(bench);
    PyBuffer_Release(&begin);
    PyBuffer_Release(&end);
    return made;
}

