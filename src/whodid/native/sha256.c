/* Many hashes a call: SHA-256 after FIPS 180-4.
 *
 * With the SHA instructions of x86-64 where the processor has them. The same results as hashlib's,
 * without an object and a call for each hash.
 */
#include "hashes.h"

#include <string.h>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define HAVE_X86 1
#include <cpuid.h>
#include <immintrin.h>
#endif

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

/* The same for two messages at once: the instructions take longer than it takes to start them. */
__attribute__((target("sha,sse4.1"))) static void pairs_x86(uint32_t one[8], const uint8_t *data_1,
                                                             uint32_t two[8], const uint8_t *data_2,
                                                             size_t count) {
    const __m128i bytes = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i abef[2], cdgh[2];
    for (int m = 0; m < 2; m++) {
        const __m128i *state = (const __m128i *)(m ? two : one);
        __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128(state), 0xb1);
        __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(state + 1), 0x1b);
        abef[m] = _mm_alignr_epi8(cdab, efgh, 8), cdgh[m] = _mm_blend_epi16(efgh, cdab, 0xf0);
    }
    for (; count; count--, data_1 += BLOCK, data_2 += BLOCK) {
        __m128i w[2][4], abef_before[2] = {abef[0], abef[1]}, cdgh_before[2] = {cdgh[0], cdgh[1]};
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            w[0][i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data_1 + 16 * i)), bytes);
            w[1][i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data_2 + 16 * i)), bytes);
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            __m128i k = _mm_load_si128((const __m128i *)(K + 4 * i));
            __m128i sum_1 = _mm_add_epi32(w[0][i & 3], k), sum_2 = _mm_add_epi32(w[1][i & 3], k);
            cdgh[0] = _mm_sha256rnds2_epu32(cdgh[0], abef[0], sum_1);
            cdgh[1] = _mm_sha256rnds2_epu32(cdgh[1], abef[1], sum_2);
            abef[0] = _mm_sha256rnds2_epu32(abef[0], cdgh[0], _mm_shuffle_epi32(sum_1, 0x0e));
            abef[1] = _mm_sha256rnds2_epu32(abef[1], cdgh[1], _mm_shuffle_epi32(sum_2, 0x0e));
#pragma GCC unroll 2
            for (int m = 0; i < 12 && m < 2; m++) {
                __m128i three = w[m][(i + 3) & 3];
                __m128i next = _mm_sha256msg1_epu32(w[m][i & 3], w[m][(i + 1) & 3]);
                next = _mm_add_epi32(next, _mm_alignr_epi8(three, w[m][(i + 2) & 3], 4));
                w[m][i & 3] = _mm_sha256msg2_epu32(next, three);
            }
        }
        for (int m = 0; m < 2; m++) {
            abef[m] = _mm_add_epi32(abef[m], abef_before[m]);
            cdgh[m] = _mm_add_epi32(cdgh[m], cdgh_before[m]);
        }
    }
    for (int m = 0; m < 2; m++) {
        __m128i *state = (__m128i *)(m ? two : one);
        __m128i feba = _mm_shuffle_epi32(abef[m], 0x1b), dchg = _mm_shuffle_epi32(cdgh[m], 0xb1);
        _mm_storeu_si128(state, _mm_blend_epi16(feba, dchg, 0xf0));
        _mm_storeu_si128(state + 1, _mm_alignr_epi8(dchg, feba, 8));
    }
}

static int has_sha(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1u << 19) || !(c & 1u << 9))
        return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1u << 29);
}
#endif

static void pairs_portable(uint32_t one[8], const uint8_t *data_1, uint32_t two[8],
                           const uint8_t *data_2, size_t count) {
    blocks_portable(one, data_1, count);
    blocks_portable(two, data_2, count);
}

static void (*blocks)(uint32_t *, const uint8_t *, size_t) = blocks_portable;
static void (*pairs)(uint32_t *, const uint8_t *, uint32_t *, const uint8_t *,
                     size_t) = pairs_portable;

static void write_hash(const uint32_t state[8], uint8_t out[HASH]) {
    for (int i = 0; i < 8; i++) {
        out[4 * i] = (uint8_t)(state[i] >> 24), out[4 * i + 1] = (uint8_t)(state[i] >> 16);
        out[4 * i + 2] = (uint8_t)(state[i] >> 8), out[4 * i + 3] = (uint8_t)state[i];
    }
}

/* Hash `head` bytes that fit in a block, then `size` bytes of `data`, behind `before` bytes (whole
 * blocks) that have led to the state `start`. */
static void sha256_from(const uint32_t start[8], size_t before, const uint8_t *head,
                        size_t head_size, const uint8_t *data, size_t size, uint8_t out[HASH]) {
    uint32_t state[8];
    uint8_t last[2 * BLOCK];
    uint64_t bits = 8 * (uint64_t)(before + head_size + size);
    size_t filled = head_size;
    memcpy(state, start, sizeof state);
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
    write_hash(state, out);
}

void sha256(const uint8_t *head, size_t head_size, const uint8_t *data, size_t size,
            uint8_t out[HASH]) {
    sha256_from(START, 0, head, head_size, data, size, out);
}

/* --- two lanes ---------------------------------------------------------------------------------- */

/* Pad a message of `size` bytes; return its blocks. */
static size_t padded(uint8_t *message, size_t size) {
    uint64_t bits = 8 * (uint64_t)size;
    size_t end = (size + 8) / BLOCK * BLOCK + BLOCK;
    message[size] = 0x80;
    memset(message + size + 1, 0, end - size - 1);
    for (int i = 0; i < 8; i++)
        message[end - 1 - i] = (uint8_t)(bits >> 8 * i);
    return end / BLOCK;
}

void run_lanes(Lane *lanes, size_t count) {
    Lane *one = lanes, *two = lanes + 1, *next = lanes + 2, *end = lanes + count;
    while (two < end && one < end) {
        size_t both = one->left < two->left ? one->left : two->left;
        pairs(one->state, one->data, two->state, two->data, both);
        one->data += both * BLOCK, one->left -= both;
        two->data += both * BLOCK, two->left -= both;
        if (one->left == 0)
            one = next++;
        if (two->left == 0)
            two = next++;
    }
    Lane *rest = one < end ? one : two;
    if (rest < end)
        blocks(rest->state, rest->data, rest->left);
    for (size_t i = 0; i < count; i++)
        write_hash(lanes[i].state, lanes[i].out);
}

Lane lane_of(uint8_t *message, size_t size, uint8_t *out) {
    Lane lane = {{0}, message, padded(message, size), out};
    memcpy(lane.state, START, sizeof START);
    return lane;
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

/* The hash of each piece behind a head, and behind its length in four bytes if asked for. */
PyObject *native_sha256_pieces(PyObject *Py_UNUSED(module), PyObject *args) {
    const char *head, *data;
    Py_ssize_t head_size, size;
    Py_buffer begin, end;
    int with_length;
    PyObject *made = NULL;
    uint8_t first[2 * BLOCK];
    if (!PyArg_ParseTuple(args, "y#y#y*y*p", &head, &head_size, &data, &size, &begin, &end,
                          &with_length))
        return NULL;
    Py_ssize_t count = count_places(&begin, &end, size);
    size_t whole = (size_t)head_size / BLOCK * BLOCK, rest = (size_t)head_size - whole;
    uint32_t start[8];
    memcpy(start, START, sizeof START);
    blocks(start, (const uint8_t *)head, whole / BLOCK);
    memcpy(first, head + whole, rest);
    if (count >= 0)
        made = PyBytes_FromStringAndSize(NULL, count * HASH);
    uint8_t *out = made == NULL ? NULL : (uint8_t *)PyBytes_AsString(made);
    for (Py_ssize_t i = 0; out != NULL && i < count; i++) {
        const uint8_t *piece = (const uint8_t *)data + place_at(&begin, i);
        size_t length = (size_t)(place_at(&end, i) - place_at(&begin, i)), at = rest, skip = 0;
        uint32_t state[8];
        memcpy(state, start, sizeof state);
        for (int shift = 24; with_length && shift >= 0; shift -= 8)
            first[at++] = (uint8_t)((uint64_t)length >> shift);
        if (at >= BLOCK) { /* the length stands across the end of a block */
            blocks(state, first, 1);
            skip = BLOCK;
        }
        sha256_from(state, whole + skip, first + skip, at - skip, piece, length, out + i * HASH);
    }
    PyBuffer_Release(&begin);
    PyBuffer_Release(&end);
    return made;
}

/* --- HMAC (RFC 2104) ------------------------------------------------------------------------- */

/* The state behind the first block of a hash: the key, each byte turned by `pad`. */
static void keyed_state(const uint8_t *key, size_t size, uint8_t pad, uint32_t state[8]) {
    uint8_t block[BLOCK] = {0};
    memcpy(block, key, size);
    for (int i = 0; i < BLOCK; i++)
        block[i] ^= pad;
    memcpy(state, START, sizeof START);
    blocks(state, block, 1);
}

PyObject *native_hmac_each(PyObject *Py_UNUSED(module), PyObject *args) {
    const char *key, *label;
    Py_ssize_t key_size, label_size;
    PyObject *messages;
    uint32_t inner[8], outer[8];
    if (!PyArg_ParseTuple(args, "y#y#O!", &key, &key_size, &label, &label_size, &PyList_Type,
                          &messages))
        return NULL;
    if (key_size > BLOCK || label_size > BLOCK)
        return PyErr_Format(PyExc_ValueError, "a key and a label have at most 64 bytes each");
    keyed_state((const uint8_t *)key, (size_t)key_size, 0x36, inner);
    keyed_state((const uint8_t *)key, (size_t)key_size, 0x5c, outer);
    Py_ssize_t count = PyList_Size(messages);
    PyObject *made = PyList_New(count);
    for (Py_ssize_t i = 0; made != NULL && i < count; i++) {
        const uint8_t *data;
        size_t size;
        uint8_t out[HASH];
        PyObject *one = NULL;
        if (bytes_of(PyList_GetItem(messages, i), &data, &size) == 0) {
            sha256_from(inner, BLOCK, (const uint8_t *)label, (size_t)label_size, data, size, out);
            sha256_from(outer, BLOCK, out, HASH, out, 0, out);
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
        blocks = blocks_x86, pairs = pairs_x86;
#endif
}
