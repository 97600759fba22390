/* A JSON record with the keys that are asked for, and nothing else made into objects.
 *
 * Of a record that any parser reads alike (see `paths.c`) the rest is read over. Of the others the
 * caller takes the long way: an escape in a key where a path goes, half a surrogate, a number with
 * an exponent or beyond 18 characters, what is nested deeply. UTF-8 is checked.
 */
#include "native.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

#define NAME "whodid.paths"

/* A key on some path; `whole` where one ends. `table` has the keys below by their hash: 1 + their
 * place among the branches, 0 for none; its size is a power of two. */
typedef struct {
    PyObject *key;
    const uint8_t *text;
    size_t size;
    int whole;
    uint32_t *table;
    uint32_t mask;
} Branch;

typedef struct {
    Branch *branches;
    uint32_t used;
} Paths;

typedef struct {
    const Paths *paths;
    const uint8_t *end;
    PyObject *decode;
    int beyond_ascii;
} Read;

static const uint8_t *value_of(Read *read, const uint8_t *at, const Branch *branch, int depth,
                               PyObject **made);

static uint32_t hash_of(const uint8_t *text, size_t size) {
    uint32_t hash = (uint32_t)size;
    if (size)
        hash = hash * 31 + text[0] * 7u + text[size - 1] * 131u + text[size / 2] * 17u;
    return hash ^ hash >> 5;
}

static const Branch *branch_of(const Paths *paths, const Branch *above, const uint8_t *text,
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

#define EACH(byte) (0x0101010101010101u * (byte))

/* Tell whether eight bytes are ASCII, no quote, no backslash and no control character. */
static int are_plain(const uint8_t *at) {
    uint64_t eight, quote, slash;
    memcpy(&eight, at, 8);
    quote = eight ^ EACH('"');
    slash = eight ^ EACH('\\');
    return !((eight | (eight - EACH(0x20)) | (quote - EACH(1)) | (slash - EACH(1))) & EACH(0x80));
}

/* Return where a string ends that begins behind its quote, at its closing one; NULL if not plain. */
static const uint8_t *text_end(Read *read, const uint8_t *at, int *escaped) {
    uint8_t all = 0;
    while (at < read->end && *at != '"') {
        while (read->end - at >= 8 && are_plain(at))
            at += 8;
        if (at == read->end || *at == '"')
            break;
        all |= *at;
        if (*at < 0x20)
            return NULL;
        if (*at == '\\') {
            *escaped = 1;
            if ((at = escape_end(at, read->end)) == NULL)
                return NULL;
        } else {
            at++;
        }
    }
    read->beyond_ascii |= all & 0x80;
    return at < read->end ? at : NULL;
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
            if (at != NULL && PyDict_SetItem(into, branch->key, made) < 0)
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

/* Make the object of a value that ends where it was found to. */
static PyObject *object_of(Read *read, const uint8_t *at, const uint8_t *end, int escaped) {
    if (*at == '"' && !escaped)
        return PyUnicode_DecodeUTF8((const char *)at + 1, end - at - 2, NULL);
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
    if (made != NULL && end != NULL && (*made = object_of(read, at, end, escaped)) == NULL)
        return NULL;
    return end;
}

static int is_utf8(const char *data, Py_ssize_t size) {
    PyObject *text = PyUnicode_DecodeUTF8(data, size, NULL);
    Py_XDECREF(text);
    return text != NULL;
}

PyObject *native_pruned(PyObject *Py_UNUSED(module), PyObject *args) {
    const char *data;
    Py_ssize_t size;
    PyObject *capsule, *decode;
    if (!PyArg_ParseTuple(args, "y#OO", &data, &size, &capsule, &decode))
        return NULL;
    const Paths *paths = PyCapsule_GetPointer(capsule, NAME);
    if (paths == NULL)
        return NULL;
    const uint8_t *at = (const uint8_t *)data;
    Read read = {.paths = paths, .end = at + size, .decode = decode};
    PyObject *made = PyDict_New();
    if (made == NULL)
        return NULL;
    at = size && *at == '{' ? object_end(&read, at + 1, &paths->branches[0], 0, made) : NULL;
    if (at != NULL && blanks_end(at, read.end) != read.end)
        at = NULL;
    if (at != NULL && read.beyond_ascii && !is_utf8(data, size))
        at = NULL;
    if (at != NULL)
        return made;
    Py_DECREF(made);
    if (PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_ValueError))
            return NULL;
        PyErr_Clear(); /* no UTF-8: what is made of it, the long way tells */
    }
    return Py_NewRef(Py_None);
}

/* ---- paths -----------------------------------------------------------------------------------*/

static void drop(Paths *paths) {
    for (uint32_t i = 0; paths->branches != NULL && i < paths->used; i++) {
        Py_XDECREF(paths->branches[i].key);
        free(paths->branches[i].table);
    }
    free(paths->branches);
    free(paths);
}

static void drop_capsule(PyObject *capsule) {
    drop(PyCapsule_GetPointer(capsule, NAME));
}

/* Give a branch room for `count` keys below; false without memory. */
static int make_table(Branch *branch, Py_ssize_t count) {
    uint32_t size = 4;
    while (size < 2 * (size_t)count)
        size *= 2;
    branch->mask = size - 1;
    branch->table = calloc(size, sizeof(uint32_t));
    return branch->table != NULL;
}

/* Grow what is below branch `above`: a dict of keys, each with None or what is below it. */
static int grow(Paths *paths, uint32_t above, PyObject *below) {
    PyObject *key, *further;
    Py_ssize_t place = 0;
    if (!PyDict_Check(below)) {
        PyErr_SetString(PyExc_TypeError, "paths are dicts, and None where one ends");
        return 0;
    }
    if (!make_table(&paths->branches[above], PyDict_Size(below))) {
        PyErr_NoMemory();
        return 0;
    }
    while (PyDict_Next(below, &place, &key, &further)) {
        Py_ssize_t size;
        const char *text = PyUnicode_AsUTF8AndSize(key, &size);
        Branch *more = realloc(paths->branches, (paths->used + 1) * sizeof(Branch));
        if (more != NULL)
            paths->branches = more;
        if (text == NULL || more == NULL)
            return PyErr_Occurred() ? 0 : (PyErr_NoMemory(), 0);
        uint32_t number = paths->used++;
        paths->branches[number] = (Branch){.key = Py_NewRef(key), .text = (const uint8_t *)text,
                                           .size = (size_t)size, .whole = further == Py_None};
        Branch *branch = &paths->branches[above];
        uint32_t i = hash_of((const uint8_t *)text, (size_t)size) & branch->mask;
        while (branch->table[i])
            i = (i + 1) & branch->mask;
        branch->table[i] = number + 1;
        if (further != Py_None && !grow(paths, number, further))
            return 0;
    }
    return 1;
}

PyObject *native_plant(PyObject *Py_UNUSED(module), PyObject *tree) {
    Paths *paths = calloc(1, sizeof(Paths));
    if (paths == NULL || (paths->branches = calloc(1, sizeof(Branch))) == NULL) {
        free(paths);
        return PyErr_NoMemory();
    }
    paths->used = 1;
    PyObject *made = grow(paths, 0, tree) ? PyCapsule_New(paths, NAME, drop_capsule) : NULL;
    if (made == NULL)
        drop(paths);
    return made;
}
