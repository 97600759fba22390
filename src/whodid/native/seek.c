/* Where pieces stand in many texts that follow each other, case apart: see `ledger.frame`. */
#include "native.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define AT_ONCE 16 /* bytes that are looked at together */

/* The texts: where each begins, and at last where all end; `marked` has a byte for each. */
typedef struct {
    const uint8_t *data;
    const int64_t *bounds;
    Py_ssize_t count;
    uint8_t *marked;
} Texts;

static int is_letter(uint8_t byte) { return byte >= 'a' && byte <= 'z'; }

static uint8_t lower(uint8_t byte) { return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte; }

/* The number of the text in which a byte stands, which is not before `text`. */
static Py_ssize_t text_at(const Texts *texts, Py_ssize_t text, size_t at) {
    while (texts->bounds[text + 1] <= (int64_t)at)
        text++;
    return text;
}

static int stands_at(const uint8_t *data, const uint8_t *piece, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (lower(data[i]) != piece[i])
            return 0;
    return 1;
}

#ifdef __SSE2__
/* A bit for each of 16 bytes that may be this one, case apart. */
static uint32_t alike(const uint8_t *data, uint8_t byte) {
    __m128i given = _mm_loadu_si128((const __m128i *)data);
    if (is_letter(byte))
        given = _mm_or_si128(given, _mm_set1_epi8(0x20));
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(given, _mm_set1_epi8((char)byte)));
}
#endif

/* Where a piece stands first in data[at:end], `end` where nowhere. */
static size_t seek(const uint8_t *data, size_t at, size_t end, const uint8_t *piece, size_t size) {
#ifdef __SSE2__
    while (at + size - 1 + AT_ONCE <= end) {
        uint32_t bits = alike(data + at, piece[0]);
        if (bits != 0)
            bits &= alike(data + at + size - 1, piece[size - 1]);
        for (; bits != 0; bits &= bits - 1) {
            size_t here = at + lowest_bit(bits);
            if (stands_at(data + here, piece, size))
                return here;
        }
        at += AT_ONCE;
    }
#endif
    for (; at + size <= end; at++)
        if (stands_at(data + at, piece, size))
            return at;
    return end;
}

/* Mark the texts in which a piece begins. */
static void mark_piece(const Texts *texts, const uint8_t *piece, size_t size) {
    size_t end = (size_t)texts->bounds[texts->count];
    size_t at = (size_t)texts->bounds[0];
    for (Py_ssize_t text = 0; (at = seek(texts->data, at, end, piece, size)) < end;) {
        text = text_at(texts, text, at);
        texts->marked[text] = 1;
        at = (size_t)texts->bounds[text + 1];
    }
}

static int is_odd(uint8_t byte) { return byte == '\\' || byte >= 0x80; }

/* Tell whether one of 16 bytes is odd. */
static int are_odd(const uint8_t *data) {
#ifdef __SSE2__
    __m128i given = _mm_loadu_si128((const __m128i *)data);
    __m128i escapes = _mm_cmpeq_epi8(given, _mm_set1_epi8('\\'));
    return _mm_movemask_epi8(_mm_or_si128(given, escapes)) != 0;
#else
    int odd = 0;
    for (int i = 0; i < AT_ONCE; i++)
        odd |= is_odd(data[i]);
    return odd;
#endif
}

/* Mark the texts with a backslash, or beyond ASCII: they are not what their bytes look like. */
static void mark_odd(const Texts *texts) {
    size_t at = (size_t)texts->bounds[0], end = (size_t)texts->bounds[texts->count];
    for (Py_ssize_t text = 0; at < end;) {
        if (at + AT_ONCE <= end && !are_odd(texts->data + at)) {
            at += AT_ONCE;
        } else if (!is_odd(texts->data[at])) {
            at++;
        } else {
            text = text_at(texts, text, at);
            texts->marked[text] = 1;
            at = (size_t)texts->bounds[text + 1];
        }
    }
}

static int ascend(const int64_t *bounds, Py_ssize_t count, size_t size) {
    for (Py_ssize_t i = 0; i < count; i++)
        if (bounds[i + 1] < bounds[i])
            return 0;
    return bounds[0] >= 0 && bounds[count] <= (int64_t)size;
}

/* Mark the texts that pieces stand in; -1 with an error. */
static int mark_all(const Texts *texts, PyObject *pieces) {
    Py_BEGIN_ALLOW_THREADS;
    mark_odd(texts);
    Py_END_ALLOW_THREADS;
    for (Py_ssize_t i = 0; i < PyTuple_Size(pieces); i++) {
        const uint8_t *piece;
        size_t size;
        if (bytes_of(PyTuple_GetItem(pieces, i), &piece, &size) < 0)
            return -1;
        if (size == 0) {
            PyErr_SetString(PyExc_ValueError, "an empty piece stands everywhere");
            return -1;
        }
        Py_BEGIN_ALLOW_THREADS;
        mark_piece(texts, piece, size);
        Py_END_ALLOW_THREADS;
    }
    return 0;
}

PyObject *native_seek(PyObject *Py_UNUSED(module), PyObject *args) {
    Py_buffer data, bounds;
    PyObject *pieces, *made = NULL;
    if (!PyArg_ParseTuple(args, "y*y*O!", &data, &bounds, &PyTuple_Type, &pieces))
        return NULL;
    Py_ssize_t count = bounds.len / (Py_ssize_t)sizeof(int64_t) - 1;
    if (count < 0 || (uintptr_t)bounds.buf % sizeof(int64_t) != 0 ||
        !ascend(bounds.buf, count, (size_t)data.len))
        PyErr_SetString(PyExc_ValueError, "bounds (i64) that do not ascend within the data");
    else
        made = PyBytes_FromStringAndSize(NULL, count);
    uint8_t *marked = made == NULL ? NULL : (uint8_t *)PyBytes_AsString(made);
    if (marked != NULL) {
        memset(marked, 0, (size_t)count);
        Texts texts = {data.buf, bounds.buf, count, marked};
        if (mark_all(&texts, pieces) < 0)
            Py_CLEAR(made);
    }
    PyBuffer_Release(&data);
    PyBuffer_Release(&bounds);
    return made;
}
