/* Counting rows by the cell that their codes stand for, without a number kept for each row. */
#include "native.h"

#include <string.h>

#define KEYS_MAX 4
#define ROWS 1024

typedef struct {
    Py_buffer codes, ids;
    int64_t size; /* how many slots it has */
    int width;    /* bytes of a code */
} Key;

static inline int64_t code_at(const Key *key, Py_ssize_t row) {
    const char *codes = key->codes.buf;
    uint16_t two;
    uint32_t four;
    int64_t eight;
    switch (key->width) {
    case 1:
        return (uint8_t)codes[row];
    case 2:
        memcpy(&two, codes + 2 * row, sizeof two);
        return two;
    case 4:
        memcpy(&four, codes + 4 * row, sizeof four);
        return four;
    }
    memcpy(&eight, codes + 8 * row, sizeof eight);
    return eight;
}

/* Put the slot of each of some rows into its cell; 0 where a code or its slot is out of bounds.
 * What an id from 0 on stands for comes behind the two least numbers there are. */
static int add_key(const Key *key, Py_ssize_t first, Py_ssize_t rows, int64_t *cells) {
    int64_t many = (int64_t)(key->ids.len / (Py_ssize_t)sizeof(int64_t));
    for (Py_ssize_t i = 0; i < rows; i++) {
        int64_t code = code_at(key, first + i);
        if (code < 0 || code >= many)
            return 0;
        int64_t id = place_at(&key->ids, (Py_ssize_t)code);
        uint64_t slot = id < 0 ? (uint64_t)id - (uint64_t)INT64_MIN : (uint64_t)id + 2;
        if (slot >= (uint64_t)key->size)
            return 0;
        cells[i] = cells[i] * key->size + (int64_t)slot;
    }
    return 1;
}

static int count_rows(const Key *keys, int given, Py_ssize_t rows, int64_t *counts) {
    int64_t cells[ROWS];
    for (Py_ssize_t at = 0; at < rows; at += ROWS) {
        Py_ssize_t here = rows - at < ROWS ? rows - at : ROWS;
        memset(cells, 0, sizeof cells);
        for (int k = 0; k < given; k++)
            if (!add_key(keys + k, at, here, cells))
                return 0;
        for (Py_ssize_t i = 0; i < here; i++)
            counts[cells[i]]++;
    }
    return 1;
}

/* Tell whether all have a code for each row, and together a cell for each count. */
static int fits(const Key *keys, int given, Py_ssize_t rows, Py_ssize_t cells) {
    int64_t many = 1;
    for (int k = 0; k < given; k++) {
        int width = keys[k].width;
        if ((width != 1 && width != 2 && width != 4 && width != 8) || keys[k].size < 1 ||
            keys[k].codes.len != rows * width || many > INT64_MAX / keys[k].size)
            return 0;
        many *= keys[k].size;
    }
    return many == (int64_t)cells;
}

PyObject *native_count(PyObject *Py_UNUSED(module), PyObject *args) {
    Py_buffer counts;
    PyObject *list;
    Key keys[KEYS_MAX];
    long long size;
    int given = 0, good = 1;
    if (!PyArg_ParseTuple(args, "w*O!", &counts, &PyTuple_Type, &list))
        return NULL;
    Py_ssize_t wanted = PyTuple_Size(list);
    if (wanted < 1 || wanted > KEYS_MAX) {
        PyErr_SetString(PyExc_ValueError, "between one and four keys");
        good = 0;
    }
    while (good && given < wanted) {
        Key *key = keys + given;
        PyObject *item = PyTuple_GetItem(list, given); /* borrowed */
        good = item != NULL && PyTuple_Check(item) &&
               PyArg_ParseTuple(item, "y*iy*L", &key->codes, &key->width, &key->ids, &size);
        if (good) {
            key->size = size;
            given++;
        } else if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "a key is (codes, their width, ids, size)");
    }
    if (good) {
        Py_ssize_t rows = keys[0].width > 0 ? keys[0].codes.len / keys[0].width : 0;
        Py_ssize_t cells = counts.len / (Py_ssize_t)sizeof(int64_t);
        int aligned = (uintptr_t)counts.buf % _Alignof(int64_t) == 0;
        if (!aligned || !fits(keys, given, rows, cells) ||
            !count_rows(keys, given, rows, counts.buf))
            PyErr_SetString(PyExc_ValueError, "codes or ids that are out of bounds");
    }
    while (given > 0) {
        given--;
        PyBuffer_Release(&keys[given].codes);
        PyBuffer_Release(&keys[given].ids);
    }
    PyBuffer_Release(&counts);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}
