/* Values at paths of many JSON records, as places in their text: what makes columns of records.
 *
 * A record is plain when it is one JSON object that any parser reads alike: no `\u`, no key with an
 * escape or given twice where a path goes, no number with an exponent or beyond 18 characters, no
 * list on a path, not too deep. Of the others the caller takes the long way. UTF-8 is not looked at.
 */
#include "native.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>


/* A key on some path. `path` is the number of the path that ends here, or -1; `seen` the last record
 * that had the key, from 1 on. */
typedef struct {
    const uint8_t *key;
    size_t size;
    int below, next, path;
    int64_t seen;
} Branch;

typedef struct {
    Branch *branches;
    int used;
    int64_t **found;
    Py_ssize_t paths, records, record;
    const uint8_t *data, *end;
    int beyond_ascii;
} Walk;

enum { NOT_PLAIN = 0, PLAIN = 1, BEYOND_ASCII = 2 };

static const uint8_t *value_end(Walk *walk, const uint8_t *at, Branch *branch, int depth);

/* Return where a string ends that begins behind its quote, at its closing one; NULL if not plain. */
static const uint8_t *text_end(Walk *walk, const uint8_t *at, int *escaped) {
    uint8_t all = 0;
    for (; at < walk->end && *at != '"'; at++) {
        all |= *at;
        if (*at < 0x20)
            return NULL;
        if (*at == '\\') {
            *escaped = 1;
            if (++at == walk->end || *at == 0 || strchr("\"\\/bfnrt", *at) == NULL)
                return NULL;
        }
    }
    walk->beyond_ascii |= all & 0x80;
    return at < walk->end ? at : NULL;
}

static Branch *branch_of(Walk *walk, const Branch *above, const uint8_t *key, size_t size) {
    for (int i = above->below; i >= 0; i = walk->branches[i].next) {
        Branch *branch = &walk->branches[i];
        if (branch->size == size && memcmp(branch->key, key, size) == 0)
            return branch;
    }
    return NULL;
}

/* Read an object behind its brace; `above` is NULL where no path goes. */
static const uint8_t *object_end(Walk *walk, const uint8_t *at, const Branch *above, int depth) {
    at = blanks_end(at, walk->end);
    if (at < walk->end && *at == '}')
        return at + 1;
    while (at < walk->end && *at == '"') {
        int escaped = 0;
        const uint8_t *key = at + 1, *key_end = text_end(walk, key, &escaped);
        if (key_end == NULL || (escaped && above != NULL))
            return NULL;
        Branch *branch =
            above == NULL ? NULL : branch_of(walk, above, key, (size_t)(key_end - key));
        if (branch != NULL) {
            if (branch->seen == walk->record + 1)
                return NULL;
            branch->seen = walk->record + 1;
        }
        at = blanks_end(key_end + 1, walk->end);
        if (at == walk->end || *at != ':')
            return NULL;
        at = value_end(walk, blanks_end(at + 1, walk->end), branch, depth);
        if (at == NULL)
            return NULL;
        at = blanks_end(at, walk->end);
        if (at < walk->end && *at == '}')
            return at + 1;
        if (at == walk->end || *at != ',')
            return NULL;
        at = blanks_end(at + 1, walk->end);
    }
    return NULL;
}

static const uint8_t *list_end(Walk *walk, const uint8_t *at, int depth) {
    at = blanks_end(at, walk->end);
    if (at < walk->end && *at == ']')
        return at + 1;
    for (;;) {
        at = value_end(walk, at, NULL, depth);
        if (at == NULL)
            return NULL;
        at = blanks_end(at, walk->end);
        if (at < walk->end && *at == ']')
            return at + 1;
        if (at == walk->end || *at != ',')
            return NULL;
        at = blanks_end(at + 1, walk->end);
    }
}

static const uint8_t *any_end(Walk *walk, const uint8_t *at, Branch *branch, int depth) {
    int escaped = 0;
    const uint8_t *end;
    switch (*at) {
    case '"':
        end = text_end(walk, at + 1, &escaped);
        return end == NULL ? NULL : end + 1;
    case '{':
        return object_end(walk, at + 1, branch, depth + 1);
    case '[': /* what is below stands in each item */
        return branch != NULL && branch->below >= 0 ? NULL : list_end(walk, at + 1, depth + 1);
    case 't':
        return word_end(at, walk->end, "true");
    case 'f':
        return word_end(at, walk->end, "false");
    default:
        return number_end(at, walk->end);
    }
}

static const uint8_t *value_end(Walk *walk, const uint8_t *at, Branch *branch, int depth) {
    if (at == walk->end || depth > DEPTH_MAX)
        return NULL;
    if (*at == 'n')
        return word_end(at, walk->end, "null");
    const uint8_t *end = any_end(walk, at, branch, depth);
    if (end != NULL && branch != NULL && branch->path >= 0) {
        int64_t *found = walk->found[branch->path];
        found[walk->record] = at - walk->data;
        found[walk->records + walk->record] = end - walk->data;
    }
    return end;
}

static char state_of(Walk *walk, int64_t begin, int64_t end) {
    const uint8_t *at = walk->data + begin;
    walk->end = walk->data + end;
    walk->beyond_ascii = 0;
    if (at == walk->end || *at != '{')
        return NOT_PLAIN;
    at = object_end(walk, at + 1, &walk->branches[0], 0);
    if (at == NULL || blanks_end(at, walk->end) != walk->end)
        return NOT_PLAIN;
    return walk->beyond_ascii ? BEYOND_ASCII : PLAIN;
}

/* Add a path to the tree; false with an error. */
static int add_path(Walk *walk, PyObject *keys, int number) {
    int above = 0;
    for (Py_ssize_t i = 0; i < PyTuple_Size(keys); i++) {
        const uint8_t *key;
        size_t size;
        if (bytes_of(PyTuple_GetItem(keys, i), &key, &size) < 0)
            return 0;
        Branch *branch = branch_of(walk, &walk->branches[above], key, size);
        if (branch == NULL) {
            branch = &walk->branches[walk->used];
            *branch = (Branch){key, size, -1, walk->branches[above].below, -1, 0};
            walk->branches[above].below = walk->used++;
        }
        above = (int)(branch - walk->branches);
    }
    if (!above || walk->branches[above].path >= 0) {
        PyErr_SetString(PyExc_ValueError, "a path that is empty or given twice");
        return 0;
    }
    walk->branches[above].path = number;
    return 1;
}

/* Make the tree of the paths; false with an error. */
static int plant(Walk *walk, PyObject *paths) {
    Py_ssize_t keys = 1;
    for (Py_ssize_t i = 0; i < walk->paths; i++) {
        PyObject *path = PyTuple_GetItem(paths, i);
        if (!PyTuple_Check(path)) {
            PyErr_SetString(PyExc_TypeError, "a path is a tuple of keys");
            return 0;
        }
        keys += PyTuple_Size(path);
    }
    walk->branches = calloc((size_t)keys, sizeof(Branch));
    if (walk->branches == NULL) {
        PyErr_NoMemory();
        return 0;
    }
    walk->branches[0] = (Branch){NULL, 0, -1, -1, -1, 0};
    walk->used = 1;
    for (Py_ssize_t i = 0; i < walk->paths; i++)
        if (!add_path(walk, PyTuple_GetItem(paths, i), (int)i))
            return 0;
    return 1;
}

static void forget(Walk *walk, Py_ssize_t record) {
    for (Py_ssize_t i = 0; i < walk->paths; i++)
        walk->found[i][record] = walk->found[i][walk->records + record] = -1;
}

/* Make the list of places, of no record yet, and take hold of what is in it. */
static PyObject *places_of(Walk *walk) {
    Py_ssize_t size = 2 * walk->records * (Py_ssize_t)sizeof(int64_t);
    PyObject *made = PyList_New(walk->paths);
    walk->found = calloc((size_t)walk->paths + 1, sizeof(int64_t *));
    if (walk->found == NULL)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; made != NULL && walk->found != NULL && i < walk->paths; i++) {
        PyObject *one = PyBytes_FromStringAndSize(NULL, size);
        if (one == NULL || PyList_SetItem(made, i, one) < 0) {
            Py_CLEAR(made);
            break;
        }
        walk->found[i] = (int64_t *)(void *)PyBytes_AsString(one);
        memset(walk->found[i], 0xff, (size_t)size);
    }
    if (walk->found == NULL)
        Py_CLEAR(made);
    return made;
}

PyObject *native_paths(PyObject *Py_UNUSED(module), PyObject *args) {
    const char *data;
    Py_ssize_t size;
    PyObject *paths, *places = NULL, *states = NULL, *made = NULL;
    Py_buffer begin, end;
    if (!PyArg_ParseTuple(args, "y#y*y*O!", &data, &size, &begin, &end, &PyTuple_Type, &paths))
        return NULL;
    Walk walk = {.data = (const uint8_t *)data, .paths = PyTuple_Size(paths)};
    walk.records = count_places(&begin, &end, size);
    if (walk.records >= 0 && plant(&walk, paths) && (places = places_of(&walk)) != NULL)
        states = PyBytes_FromStringAndSize(NULL, walk.records);
    if (states != NULL) {
        char *state = PyBytes_AsString(states);
        for (walk.record = 0; walk.record < walk.records; walk.record++) {
            Py_ssize_t i = walk.record;
            state[i] = state_of(&walk, place_at(&begin, i), place_at(&end, i));
            if (state[i] == NOT_PLAIN)
                forget(&walk, i);
        }
        made = PyTuple_Pack(2, states, places);
    }
    Py_XDECREF(states);
    Py_XDECREF(places);
    free(walk.branches);
    free(walk.found);
    PyBuffer_Release(&begin);
    PyBuffer_Release(&end);
    return made;
}
