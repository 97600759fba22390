/* Many hashes a call: SHA-256 and SHAKE128 after FIPS 180-4 and FIPS 202, and what is made of them.
 *
 * With the SHA instructions of x86-64 where the processor has them. The same results as hashlib's,
 * without an object and a call for each hash.
 */
#include "native.h"

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define HAVE_X86 1
#include <cpuid.h>
#include <immintrin.h>
#endif

#define GROUPS 8
#define SEED 16
#define SALT 16
#define HASH 32
#define BLOCK 64

/* --- SHA-256 (FIPS 180-4, section 6.2) ------------------------------------------------------ */

static const uint32_t K[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static const uint32_t START[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static inline uint32_t load32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint32_t right(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void blocks_portable(uint32_t state[8], const uint8_t *data, size_t count) {
    uint32_t w[64];
    for (; count; count--, data += BLOCK) {
        for (int t = 0; t < 16; t++)
            w[t] = load32(data + 4 * t);
        for (int t = 16; t < 64; t++) {
            uint32_t s0 = right(w[t - 15], 7) ^ right(w[t - 15], 18) ^ w[t - 15] >> 3;
            uint32_t s1 = right(w[t - 2], 17) ^ right(w[t - 2], 19) ^ w[t - 2] >> 10;
            w[t] = s1 + w[t - 7] + s0 + w[t - 16];
        }
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
        for (int t = 0; t < 64; t++) {
            uint32_t big1 = right(e, 6) ^ right(e, 11) ^ right(e, 25);
            uint32_t big0 = right(a, 2) ^ right(a, 13) ^ right(a, 22);
            uint32_t t1 = h + big1 + ((e & f) ^ (~e & g)) + K[t] + w[t];
            uint32_t t2 = big0 + ((a & b) ^ (a & c) ^ (b & c));
            h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
        }
        state[0] += a, state[1] += b, state[2] += c, state[3] += d;
        state[4] += e, state[5] += f, state[6] += g, state[7] += h;
    }
}

#ifdef HAVE_X86
/* The instructions want the state as ABEF and CDGH, and do two rounds each. */
__attribute__((target("sha,sse4.1"))) static void blocks_x86(uint32_t state[8], const uint8_t *data,
                                                              size_t count) {
    const __m128i bytes = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i dcba = _mm_loadu_si128((const __m128i *)state);
    __m128i hgfe = _mm_loadu_si128((const __m128i *)(state + 4));
    __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    __m128i abef = _mm_alignr_epi8(cdab, efgh, 8), cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
    for (; count; count--, data += BLOCK) {
        __m128i w[4], abef_before = abef, cdgh_before = cdgh;
        for (int i = 0; i < 4; i++)
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data + 16 * i)), bytes);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            __m128i now = w[i & 3];
            __m128i sum = _mm_add_epi32(now, _mm_load_si128((const __m128i *)(K + 4 * i)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
            if (i < 12) {
                __m128i one = w[(i + 1) & 3], two = w[(i + 2) & 3], three = w[(i + 3) & 3];
                __m128i next = _mm_sha256msg1_epu32(now, one);
                next = _mm_add_epi32(next, _mm_alignr_epi8(three, two, 4));
                w[i & 3] = _mm_sha256msg2_epu32(next, three);
            }
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

static int has_sha(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1u << 19) || !(c & 1u << 9))
        return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1u << 29);
}
#endif

static void (*blocks)(uint32_t *, const uint8_t *, size_t) = blocks_portable;

/* Hash `head` bytes that fit in a block, then `size` bytes of `data`. */
static void sha256(const uint8_t *head, size_t head_size, const uint8_t *data, size_t size,
                   uint8_t out[HASH]) {
    uint32_t state[8];
    uint8_t last[2 * BLOCK];
    uint64_t bits = 8 * (uint64_t)(head_size + size);
    size_t filled = head_size;
    memcpy(state, START, sizeof state);
    memcpy(last, head, head_size);
    if (head_size + size >= BLOCK) {
        size_t take = BLOCK - head_size;
        memcpy(last + head_size, data, take);
        blocks(state, last, 1);
        data += take, size -= take;
        blocks(state, data, size / BLOCK);
        data += size / BLOCK * BLOCK, size %= BLOCK;
        filled = 0;
    }
    if (size)
        memcpy(last + filled, data, size);
    filled += size;
    last[filled++] = 0x80;
    size_t end = filled <= BLOCK - 8 ? BLOCK : 2 * BLOCK;
    memset(last + filled, 0, end - filled);
    for (int i = 0; i < 8; i++)
        last[end - 1 - i] = (uint8_t)(bits >> 8 * i);
    blocks(state, last, end / BLOCK);
    for (int i = 0; i < 8; i++) {
        out[4 * i] = (uint8_t)(state[i] >> 24), out[4 * i + 1] = (uint8_t)(state[i] >> 16);
        out[4 * i + 2] = (uint8_t)(state[i] >> 8), out[4 * i + 3] = (uint8_t)state[i];
    }
}

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
    for (int i = 0; i < RATE / 8; i++)
        for (int b = 7; b >= 0; b--)
            lanes[i] = lanes[i] << 8 | block[8 * i + b];
    keccak(lanes);
    for (int i = 0; i < RATE; i++)
        out[i] = (uint8_t)(lanes[i / 8] >> 8 * (i % 8));
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

static void commit_row(const Row *row, uint8_t out[HASH]) {
    uint8_t head[BLOCK], salts[RATE], event[LENGTH(EVENT_PREFIX) + GROUPS * HASH];
    memcpy(head, SALT_PREFIX, LENGTH(SALT_PREFIX));
    memcpy(head + LENGTH(SALT_PREFIX), row->seed, SEED);
    shake128(head, LENGTH(SALT_PREFIX) + SEED, salts);
    memcpy(head, GROUP_PREFIX, LENGTH(GROUP_PREFIX));
    memcpy(event, EVENT_PREFIX, LENGTH(EVENT_PREFIX));
    for (int g = 0; g < GROUPS; g++) {
        head[LENGTH(GROUP_PREFIX)] = (uint8_t)(g + 1);
        memcpy(head + LENGTH(GROUP_PREFIX) + 1, salts + g * SALT, SALT);
        sha256(head, LENGTH(GROUP_PREFIX) + 1 + SALT, row->data[g], row->size[g],
               event + LENGTH(EVENT_PREFIX) + g * HASH);
    }
    sha256(event, 0, event, sizeof event, out);
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
    for (Py_ssize_t i = 0; made != NULL && i < count; i++) {
        uint8_t out[HASH];
        PyObject *one = NULL;
        Row row;
        if (read_row(PyList_GetItem(seeds, i), PyList_GetItem(rows, i), &row) == 0) {
            commit_row(&row, out);
            one = PyBytes_FromStringAndSize((char *)out, HASH);
        }
        if (one == NULL || PyList_SetItem(made, i, one) < 0)
            Py_CLEAR(made);
    }
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
    char *out = made == NULL ? NULL : PyBytes_AsString(made);
    for (Py_ssize_t i = 0; out != NULL && i < rows; i++) {
        Row row = {(const uint8_t *)seeds + i * SEED, {NULL}, {0}};
        for (int g = 0; g < GROUPS; g++) {
            int64_t start = place_at(&begin, g * rows + i);
            row.data[g] = (const uint8_t *)data + start;
            row.size[g] = (size_t)(place_at(&end, g * rows + i) - start);
        }
        commit_row(&row, (uint8_t *)out + i * HASH);
    }
    PyBuffer_Release(&begin);
    PyBuffer_Release(&end);
    return made;
}

PyObject *native_sha256_rows(PyObject *Py_UNUSED(module), PyObject *args) {
    const char *data;
    Py_ssize_t size, step;
    if (!PyArg_ParseTuple(args, "y#n", &data, &size, &step))
        return NULL;
    if (step <= 0 || size % step)
        return PyErr_Format(PyExc_ValueError, "a table that is no whole number of rows");
    PyObject *made = PyBytes_FromStringAndSize(NULL, size / step * HASH);
    char *out = made == NULL ? NULL : PyBytes_AsString(made);
    for (Py_ssize_t i = 0; out != NULL && i < size / step; i++) {
        const uint8_t *row = (const uint8_t *)data + i * step;
        sha256(row, 0, row, (size_t)step, (uint8_t *)out + i * HASH);
    }
    return made;
}

PyObject *native_sha256_each(PyObject *Py_UNUSED(module), PyObject *list) {
    if (!PyList_Check(list))
        return PyErr_Format(PyExc_TypeError, "a list of bytes is wanted");
    Py_ssize_t count = PyList_Size(list);
    PyObject *made = PyList_New(count);
    for (Py_ssize_t i = 0; made != NULL && i < count; i++) {
        const uint8_t *data;
        size_t size;
        uint8_t out[HASH];
        PyObject *one = NULL;
        if (bytes_of(PyList_GetItem(list, i), &data, &size) == 0) {
            sha256(data, 0, data, size, out);
            one = PyBytes_FromStringAndSize((char *)out, HASH);
        }
        if (one == NULL || PyList_SetItem(made, i, one) < 0)
            Py_CLEAR(made);
    }
    return made;
}

void native_choose(void) {
#ifdef HAVE_X86
    if (has_sha())
        blocks = blocks_x86;
#endif
}
