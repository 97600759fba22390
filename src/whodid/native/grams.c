/* Five digits, or five letters up to f, in a row: `index.grams` says which, and has it in Python. */
#include "native.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define IN_A_ROW 5
#define LETTERS 6
#define FIRST_DIGITS 1
#define FIRST_LETTERS 100001
#define NUMBER_BITS 17

/* A bit for each of 64 bytes: whether it is a digit, whether it is a letter up to f. */
typedef struct {
    uint64_t digits, letters;
} Kinds;

static Kinds kinds_of(const uint8_t *data) {
    Kinds kinds = {0, 0};
#ifdef __SSE2__
    const __m128i case_bit = _mm_set1_epi8(0x20), six = _mm_set1_epi8(-128 + LETTERS);
    const __m128i to_a = _mm_set1_epi8('a' - 128), to_0 = _mm_set1_epi8('0' - 128);
    const __m128i ten = _mm_set1_epi8(-128 + 10);
    for (int i = 0; i < 4; i++) {
        __m128i given = _mm_loadu_si128((const __m128i *)(data + 16 * i));
        __m128i lower = _mm_or_si128(given, case_bit);
        __m128i letter = _mm_cmplt_epi8(_mm_sub_epi8(lower, to_a), six);
        __m128i digit = _mm_cmplt_epi8(_mm_sub_epi8(given, to_0), ten);
        kinds.digits |= (uint64_t)(uint32_t)_mm_movemask_epi8(digit) << 16 * i;
        kinds.letters |= (uint64_t)(uint32_t)_mm_movemask_epi8(letter) << 16 * i;
    }
#else
    for (int i = 0; i < 64; i++) {
        kinds.digits |= (uint64_t)((uint8_t)(data[i] - '0') < 10) << i;
        kinds.letters |= (uint64_t)((uint8_t)((data[i] | 0x20) - 'a') < LETTERS) << i;
    }
#endif
    return kinds;
}

/* A bit where a run of five of these ends; `before` are the 64 that come before. */
static inline uint64_t ends_of(uint64_t bits, uint64_t before) {
    uint64_t ends = bits;
    for (int back = 1; back < IN_A_ROW; back++)
        ends &= bits << back | before >> (64 - back);
    return ends;
}

/* Mark the runs of five that end where `ends` has bits; `data` is where the first of them stands. */
static void mark(const uint8_t *data, uint64_t ends, int is_digits, uint64_t *marked) {
    for (; ends != 0; ends &= ends - 1) {
        const uint8_t *run = data + lowest_bit(ends) - (IN_A_ROW - 1);
        uint32_t number = 0;
        for (int i = 0; i < IN_A_ROW; i++)
            number = is_digits ? number * 10 + (run[i] - '0')
                               : number * LETTERS + ((run[i] | 0x20) - 'a');
        number += is_digits ? FIRST_DIGITS : FIRST_LETTERS;
        marked[number / 64] |= 1ULL << number % 64;
    }
}

static void mark_all(const uint8_t *data, size_t size, uint64_t *marked) {
    Kinds before = {0, 0};
    uint8_t last[64 + IN_A_ROW] = {0}; /* what is left over, behind some of what came before */
    size_t whole = size / 64, kept = whole ? IN_A_ROW : 0;
    memcpy(last + IN_A_ROW - kept, data + 64 * whole - kept, size - 64 * whole + kept);
    for (size_t i = 0; i <= whole; i++) {
        const uint8_t *here = i < whole ? data + 64 * i : last + IN_A_ROW;
        Kinds kinds = kinds_of(here);
        mark(here, ends_of(kinds.digits, before.digits), 1, marked);
        mark(here, ends_of(kinds.letters, before.letters), 0, marked);
        before = kinds;
    }
}

PyObject *native_grams(PyObject *Py_UNUSED(module), PyObject *args) {
    const char *data;
    Py_ssize_t size;
    Py_buffer marked;
    if (!PyArg_ParseTuple(args, "y#w*", &data, &size, &marked))
        return NULL;
    int fits = marked.len == (1 << NUMBER_BITS) / 8 && (uintptr_t)marked.buf % sizeof(uint64_t) == 0;
    if (fits)
        mark_all((const uint8_t *)data, (size_t)size, marked.buf);
    else
        PyErr_SetString(PyExc_ValueError, "numbers are marked in an array of 2^17 bits (u64)");
    PyBuffer_Release(&marked);
    if (!fits)
        return NULL;
    Py_RETURN_NONE;
}
