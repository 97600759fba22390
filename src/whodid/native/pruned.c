/* A JSON record with the keys that are asked for, and nothing else made into objects; with it which
 * looks its values pass.
 *
 * Of a record that any parser reads alike (see `paths.c`) the rest is read over. Of the others the
 * caller takes the long way: an escape in a key where a path goes, half a surrogate, a number with
 * an exponent or beyond 18 characters, what is nested deeply. UTF-8 is checked.
 */
#include "planted.h"
#include "json.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

typedef struct {
    Paths *paths;
    const uint8_t *end;
    PyObject *decode;
    PyObject *found; /* the bits of the looks that are passed */
    int beyond_ascii;
    int twice; /* whether a key came twice: the later one counts, alone */
} Read;

static const uint8_t *value_of(Read *read, const uint8_t *at, const Branch *branch, int depth,
                               PyObject **made);

/* ---- reading ---------------------------------------------------------------------------------*/

static int is_hex(uint8_t byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') ||
           (byte >= 'A' && byte <= 'F');
}

/* Return the end of an escape, at its backslash; NULL for one that is not plain. */
static const uint8_t *escape_end(const uint8_t *at, const uint8_t *end) {
    if (end - at < 2 || at[1] == 0)
        return NULL;
    if (at[1] != 'u')
        return strchr("\"\\/bfnrt", at[1]) == NULL ? NULL : at + 2;
    if (end - at < 6 || !is_hex(at[2]) || !is_hex(at[3]) || !is_hex(at[4]) || !is_hex(at[5]))
        return NULL;
    if ((at[2] == 'd' || at[2] == 'D') && at[3] >= '8') /* letters too are beyond '8' */
        return NULL;
    return at + 6;
}

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FIRST_IS_LOWEST 1
#else
#define FIRST_IS_LOWEST 0
#endif

#define EACH(byte) (0x0101010101010101u * (byte))

/* Return a bit in each of eight bytes that is a quote, a backslash, a control character or beyond
 * ASCII. The lowest bit is right; what is above it may be wrong. */
static uint64_t marks_of(const uint8_t *at) {
    uint64_t eight, quote, slash;
    memcpy(&eight, at, 8);
    quote = eight ^ EACH('"');
    slash = eight ^ EACH('\\');
    return (eight | (eight - EACH(0x20)) | (quote - EACH(1)) | (slash - EACH(1))) & EACH(0x80);
}

/* Return where the first such byte may be, before the end. */
static const uint8_t *mark_from(const uint8_t *at, const uint8_t *end) {
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), first = _mm_set1_epi8(' ');
    for (; end - at >= 16; at += 16) {
        __m128i some = _mm_loadu_si128((const __m128i *)at);
        __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(some, quote), _mm_cmpeq_epi8(some, slash));
        marks = _mm_or_si128(marks, _mm_cmplt_epi8(some, first)); /* what is beyond ASCII is below 0 */
        unsigned bits = (unsigned)_mm_movemask_epi8(marks);
        if (bits)
            return at + lowest_bit(bits);
    }
#endif
    for (; end - at >= 8; at += 8) {
        uint64_t marks = marks_of(at);
        if (marks)
            return FIRST_IS_LOWEST ? at + lowest_bit(marks) / 8 : at;
    }
    return at;
}

/* Return where a string ends that begins behind its quote, at its closing one; NULL if not plain. */
static const uint8_t *text_end(Read *read, const uint8_t *at, int *escaped) {
    uint8_t all = 0;
    at = mark_from(at, read->end);
    while (at < read->end && *at != '"') {
        all |= *at;
        if (*at < 0x20)
            return NULL;
        if (*at == '\\') {
            *escaped = 1;
            if ((at = escape_end(at, read->end)) == NULL)
                return NULL;
            at = mark_from(at, read->end);
        } else if (*at & 0x80) {
            while (at < read->end && *at & 0x80)
                at++;
            at = mark_from(at, read->end);
        } else {
            at++;
        }
    }
    read->beyond_ascii |= all & 0x80;
    return at < read->end ? at : NULL;
}

static int put(Read *read, PyObject *into, const Branch *branch, PyObject *made) {
    Py_ssize_t before = PyDict_Size(into);
    if (PyDict_SetItem(into, branch->key, made) < 0)
        return 0;
    read->twice |= PyDict_Size(into) == before;
    return 1;
}

/* Read an object behind its brace; with `into` what is asked for is put there. */
static const uint8_t *object_end(Read *read, const uint8_t *at, const Branch *above, int depth,
                                 PyObject *into) {
    at = blanks_end(at, read->end);
    if (at < read->end && *at == '}')
        return at + 1;
    while (at < read->end && *at == '"') {
        int escaped = 0;
        const uint8_t *key = at + 1, *key_end = text_end(read, key, &escaped);
        if (key_end == NULL || (escaped && into != NULL))
            return NULL;
        const Branch *branch =
            into == NULL ? NULL : branch_of(read->paths, above, key, (size_t)(key_end - key));
        at = blanks_end(key_end + 1, read->end);
        if (at == read->end || *at != ':')
            return NULL;
        PyObject *made = NULL;
        at = value_of(read, blanks_end(at + 1, read->end), branch, depth, branch ? &made : NULL);
        if (made != NULL) {
            if (at != NULL && !put(read, into, branch, made))
                at = NULL;
            Py_DECREF(made);
        }
        if (at == NULL)
            return NULL;
        at = blanks_end(at, read->end);
        if (at < read->end && *at == '}')
            return at + 1;
        if (at == read->end || *at != ',')
            return NULL;
        at = blanks_end(at + 1, read->end);
    }
    return NULL;
}

static const uint8_t *list_end(Read *read, const uint8_t *at, int depth) {
    at = blanks_end(at, read->end);
    if (at < read->end && *at == ']')
        return at + 1;
    for (;;) {
        at = value_of(read, at, NULL, depth, NULL);
        if (at == NULL)
            return NULL;
        at = blanks_end(at, read->end);
        if (at < read->end && *at == ']')
            return at + 1;
        if (at == read->end || *at != ',')
            return NULL;
        at = blanks_end(at + 1, read->end);
    }
}

/* Return where a value ends; NULL if it is not plain. */
static const uint8_t *any_end(Read *read, const uint8_t *at, int depth, int *escaped) {
    const uint8_t *end;
    switch (*at) {
    case '"':
        end = text_end(read, at + 1, escaped);
        return end == NULL ? NULL : end + 1;
    case '{':
        return object_end(read, at + 1, NULL, depth + 1, NULL);
    case '[':
        return list_end(read, at + 1, depth + 1);
    case 't':
        return word_end(at, read->end, "true");
    case 'f':
        return word_end(at, read->end, "false");
    case 'n':
        return word_end(at, read->end, "null");
    default:
        return number_end(at, read->end);
    }
}

static PyObject *integer_of(const uint8_t *at, const uint8_t *end) {
    int64_t number = 0;
    for (; at < end; at++)
        number = 10 * number + (*at - '0');
    return PyLong_FromLongLong(number);
}

/* Make the object of a value, other than a plain text, that ends where it was found to. */
static PyObject *object_of(Read *read, const uint8_t *at, const uint8_t *end) {
    if (*at == 't' || *at == 'f')
        return Py_NewRef(*at == 't' ? Py_True : Py_False);
    if (*at == 'n')
        return Py_NewRef(Py_None);
    if (digits_end(at, end) == end)
        return integer_of(at, end);
    PyObject *piece = PyBytes_FromStringAndSize((const char *)at, end - at);
    PyObject *made = piece == NULL ? NULL : PyObject_CallFunctionObjArgs(read->decode, piece, NULL);
    Py_XDECREF(piece);
    return made;
}

/* Make a value, and add the bits of the looks that it passes; NULL with an error. */
static PyObject *make(Read *read, const Branch *branch, const uint8_t *at, const uint8_t *end,
                      int escaped) {
    if (*at == '"' && !escaped)
        return planted_text(read->paths, branch, at + 1, (size_t)(end - at - 2), &read->found);
    PyObject *made = object_of(read, at, end);
    if (made != NULL && branch->probe != NULL && !native_take(made, branch->probe, &read->found))
        Py_CLEAR(made);
    return made;
}

/* Read a value; with `made` make it. Return its end, NULL if it is not plain, or with an error. */
static const uint8_t *value_of(Read *read, const uint8_t *at, const Branch *branch, int depth,
                               PyObject **made) {
    int escaped = 0;
    const uint8_t *end;
    if (at == read->end || depth > DEPTH_MAX)
        return NULL;
    if (made != NULL && !branch->whole && *at == '{') {
        *made = PyDict_New();
        return *made == NULL ? NULL : object_end(read, at + 1, branch, depth + 1, *made);
    }
    end = any_end(read, at, depth, &escaped);
    if (made != NULL && end != NULL && (*made = make(read, branch, at, end, escaped)) == NULL)
        return NULL;
    return end;
}

static int is_utf8(const char *data, Py_ssize_t size) {
    PyObject *text = PyUnicode_DecodeUTF8(data, size, NULL);
    Py_XDECREF(text);
    return text != NULL;
}

/* Return what was read, and the bits; takes the reference to the former. */
static PyObject *result_of(Read *read, PyObject *native) {
    PyObject *found = Py_NewRef(read->found), *pair = NULL;
    if (read->twice && PyDict_Check(read->paths->probes)) {
        Py_DECREF(found);
        found = PyLong_FromLong(0);
        if (found != NULL && !native_walk_in(native, read->paths->probes, &found))
            Py_CLEAR(found);
    }
    if (found != NULL)
        pair = PyTuple_Pack(2, native, found);
    Py_XDECREF(found);
    Py_DECREF(native);
    return pair;
}

PyObject *native_pruned(PyObject *Py_UNUSED(module), PyObject *args) {
    const char *data;
    Py_ssize_t size;
    PyObject *capsule, *decode, *made, *pair = NULL;
    if (!PyArg_ParseTuple(args, "y#OO", &data, &size, &capsule, &decode))
        return NULL;
    Paths *paths = planted_paths(capsule);
    if (paths == NULL || (made = PyDict_New()) == NULL)
        return NULL;
    const uint8_t *at = (const uint8_t *)data;
    Read read = {.paths = paths, .end = at + size, .decode = decode, .found = PyLong_FromLong(0)};
    int is_object = read.found != NULL && size && *at == '{';
    at = is_object ? object_end(&read, at + 1, &paths->branches[0], 0, made) : NULL;
    if (at != NULL && blanks_end(at, read.end) != read.end)
        at = NULL;
    if (at != NULL && read.beyond_ascii && !is_utf8(data, size))
        at = NULL;
    if (at != NULL)
        pair = result_of(&read, made);
    else
        Py_DECREF(made);
    Py_XDECREF(read.found);
    if (pair != NULL)
        return pair;
    if (PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_ValueError))
            return NULL;
        PyErr_Clear(); /* no UTF-8: what is made of it, the long way tells */
    }
    return Py_NewRef(Py_None);
}
