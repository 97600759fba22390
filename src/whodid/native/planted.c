/* Paths of a record made ready for `pruned`, and the texts that came at them before. */
#include "planted.h"

#include <stdlib.h>

#define NAME "whodid.paths"
#define KNOWN 2048 /* a power of two */
#define KNOWN_SIZE_MAX 128

Paths *planted_paths(PyObject *capsule) {
    return PyCapsule_GetPointer(capsule, NAME);
}

/* ---- texts -----------------------------------------------------------------------------------*/

/* A text of ASCII that came before at a branch, and its bits, NULL for none. `data` is its own; `at`
 * the number of the paths and the place of the branch, 0 for nothing. */
typedef struct {
    uint64_t at;
    PyObject *text;
    PyObject *bits;
    const char *data;
    size_t size;
} Known;

/* By their hash, of all paths together; what has the same hash takes the place. Whoever is here holds
 * the interpreter's lock. */
static Known known_texts[KNOWN];

static size_t place_of(uint64_t at, const uint8_t *data, size_t size) {
    uint64_t first = 0, last = 0, mixed = at << 8 | size;
    size_t some = size < 8 ? size : 8;
    memcpy(&first, data, some);
    memcpy(&last, data + size - some, some);
    mixed = (mixed * 0x9e3779b97f4a7c15u ^ first) * 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ mixed >> 32 ^ last) * 0x9e3779b97f4a7c15u;
    return (size_t)(mixed >> 40) & (KNOWN - 1);
}

static void forget(Known *known) {
    Known before = *known;
    *known = (Known){.at = 0};
    Py_XDECREF(before.text);
    Py_XDECREF(before.bits);
}

/* Return the bits of a text, NULL for none; with an error set, too. */
static PyObject *bits_of(const Branch *branch, PyObject *text) {
    if (branch->texts == NULL)
        return NULL;
    PyObject *bits = PyDict_GetItemWithError(branch->texts, text);
    if (bits != NULL)
        Py_INCREF(bits);
    else if (!PyErr_Occurred())
        bits = PyObject_GetItem(branch->texts, text);
    if (bits != NULL && PyObject_IsTrue(bits) == 0)
        Py_CLEAR(bits);
    return bits;
}

/* Return the text of some bytes, and add the bits that it has at this branch. What came before is the
 * same object again: neither is it made, nor are its bits looked for. */
PyObject *planted_text(const Paths *paths, const Branch *branch, const uint8_t *data, size_t size,
                       PyObject **found) {
    uint64_t at = paths->number << 32 | (uint64_t)(branch - paths->branches);
    Known *known = NULL;
    if (size <= KNOWN_SIZE_MAX) {
        known = &known_texts[place_of(at, data, size)];
        if (known->at == at && known->size == size && !memcmp(known->data, data, size)) {
            PyObject *text = Py_NewRef(known->text);
            if (known->bits != NULL && !native_add(found, known->bits))
                Py_CLEAR(text);
            return text;
        }
    }
    PyObject *made = PyUnicode_DecodeUTF8((const char *)data, (Py_ssize_t)size, NULL);
    PyObject *bits = made == NULL ? NULL : bits_of(branch, made);
    if (bits != NULL && !native_add(found, bits))
        Py_CLEAR(bits);
    const char *own = NULL;
    if (known != NULL && !PyErr_Occurred() && PyUnicode_GetLength(made) == (Py_ssize_t)size)
        own = PyUnicode_AsUTF8AndSize(made, NULL); /* of ASCII this is the text itself */
    if (PyErr_Occurred()) {
        Py_XDECREF(made);
        Py_XDECREF(bits);
        return NULL;
    }
    if (own == NULL) {
        Py_XDECREF(bits);
        return made;
    }
    forget(known);
    *known = (Known){.at = at, .text = Py_NewRef(made), .bits = bits, .data = own,
                     .size = size};
    return made;
}

/* ---- paths -----------------------------------------------------------------------------------*/

static void drop(Paths *paths) {
    for (uint32_t i = 0; paths->branches != NULL && i < paths->used; i++) {
        Py_XDECREF(paths->branches[i].key);
        Py_XDECREF(paths->branches[i].probe);
        free(paths->branches[i].table);
    }
    Py_XDECREF(paths->probes);
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

/* Take what `walk` takes of a key, if it is among the probes; false with an error. */
static int take_probe(Branch *branch, PyObject *probes) {
    PyObject *probe = probes == Py_None ? NULL : PyDict_GetItemWithError(probes, branch->key);
    if (probe == NULL)
        return !PyErr_Occurred();
    if (!PyTuple_Check(probe) || PyTuple_Size(probe) != 5) {
        PyErr_SetString(PyExc_TypeError, "a probe is a tuple of five");
        return 0;
    }
    branch->probe = Py_NewRef(probe);
    branch->texts = PyTuple_GetItem(probe, 0);
    if (!PyDict_Check(branch->texts))
        branch->texts = NULL;
    return 1;
}

static PyObject *probes_below(const Branch *branch) {
    PyObject *below = branch->probe == NULL ? NULL : PyTuple_GetItem(branch->probe, 2);
    return below != NULL && PyDict_Check(below) ? below : Py_None;
}

static int grow(Paths *paths, uint32_t above, PyObject *below, PyObject *probes);

/* Add a key below branch `above`, and what is below it. */
static int add_key(Paths *paths, uint32_t above, PyObject *key, PyObject *further,
                   PyObject *probes) {
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
    branch = &paths->branches[number];
    if (!take_probe(branch, probes))
        return 0;
    branch->whole |= branch->texts != NULL; /* what is looked at is looked at as it is */
    return branch->whole || grow(paths, number, further, probes_below(branch));
}

/* Grow what is below branch `above`: a dict of keys, each with None or what is below it. */
static int grow(Paths *paths, uint32_t above, PyObject *below, PyObject *probes) {
    PyObject *key, *further;
    Py_ssize_t place = 0;
    if (!PyDict_Check(below) || (probes != Py_None && !PyDict_Check(probes))) {
        PyErr_SetString(PyExc_TypeError, "paths and probes are dicts, and None where they end");
        return 0;
    }
    if (!make_table(&paths->branches[above], PyDict_Size(below))) {
        PyErr_NoMemory();
        return 0;
    }
    while (PyDict_Next(below, &place, &key, &further))
        if (!add_key(paths, above, key, further, probes))
            return 0;
    return 1;
}

PyObject *native_plant(PyObject *Py_UNUSED(module), PyObject *args) {
    static uint64_t planted = 0;
    PyObject *tree, *probes;
    if (!PyArg_ParseTuple(args, "OO", &tree, &probes))
        return NULL;
    Paths *paths = calloc(1, sizeof(Paths));
    if (paths == NULL || (paths->branches = calloc(1, sizeof(Branch))) == NULL) {
        free(paths);
        return PyErr_NoMemory();
    }
    paths->number = ++planted;
    paths->used = 1;
    paths->probes = Py_NewRef(probes);
    PyObject *made =
        grow(paths, 0, tree, probes) ? PyCapsule_New(paths, NAME, drop_capsule) : NULL;
    if (made == NULL)
        drop(paths);
    return made;
}
