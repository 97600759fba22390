/* The module as Python sees it: see `__init__.py`. */
#include "native.h"

int bytes_of(PyObject *object, const uint8_t **data, size_t *size) {
    char *start;
    Py_ssize_t length;
    if (object == NULL || PyBytes_AsStringAndSize(object, &start, &length) < 0)
        return -1;
    *data = (const uint8_t *)start;
    *size = (size_t)length;
    return 0;
}

static PyMethodDef methods[] = {
    {"bounds", native_bounds, METH_VARARGS, "Add up the lengths of texts."},
    {"codes", native_codes, METH_VARARGS, "Number values as they first appear."},
    {"commitments", native_commitments, METH_VARARGS, "Return the commitment of each row."},
    {"commitments_at", native_commitments_at, METH_VARARGS, "Return the commitments of columns."},
    {"sha256_rows", native_sha256_rows, METH_VARARGS, "Return the SHA-256 of each row of a table."},
    {"number", native_number, METH_VARARGS, "Number pieces of a text as they first appear."},
    {"join", native_join, METH_VARARGS, "Join pieces of a text."},
    {"fields", native_fields, METH_VARARGS, "Return the fields of plain JSON objects."},
    {"paths", native_paths, METH_VARARGS, "Return the values at paths of JSON records."},
    {"plant", native_plant, METH_VARARGS, "Make paths ready for `pruned`."},
    {"pruned", native_pruned, METH_VARARGS, "Return what stands at paths of a JSON record."},
    {"walk", native_walk, METH_VARARGS, "Return the bits of the looks that a record passes."},
    {"leaves", native_leaves, METH_VARARGS, "Return the texts at paths of a record."},
    {"ask", native_ask, METH_VARARGS, "Return the bits of the looks that values pass."},
    {"sha256_pieces", native_sha256_pieces, METH_VARARGS, "Return the SHA-256 of each piece."},
    {"hmac_each", native_hmac_each, METH_VARARGS, "Return the HMAC of each of a list of bytes."},
    {"names", native_names, METH_O, "Return the names in some JSON."},
    {"sha256_each", native_sha256_each, METH_O, "Return the SHA-256 of each of a list of bytes."},
    {"count", native_count, METH_VARARGS, "Count rows by the cell of their codes."},
    {"cut", native_cut, METH_VARARGS, "Return the words of a text; collect them."},
    {"grams", native_grams, METH_VARARGS, "Mark five digits or letters in a row."},
    {"planes", native_planes, METH_VARARGS, "Put numbers together from their planes."},
    {"seek", native_seek, METH_VARARGS, "Mark the texts in which pieces stand."},
    {"split", native_split, METH_VARARGS, "Return the pieces of data between edges."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_native", NULL, -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void) {
    native_choose();
    if (!native_draw_secret())
        return NULL;
    PyObject *made = PyModule_Create(&module);
    if (made != NULL && PyModule_AddIntConstant(made, "VERSION", 17) < 0)
        Py_CLEAR(made);
    return made;
}
