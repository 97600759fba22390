/* Cutting one text into many: the fields of rows that were compressed together. */
#include "native.h"

#include <string.h>

/* Return the pieces between neighbours of `edges`, ascending i64 within the data. */
PyObject *native_split(PyObject *Py_UNUSED(module), PyObject *args) {
    const char *data;
    Py_ssize_t size;
    Py_buffer edges;
    if (!PyArg_ParseTuple(args, "y#y*", &data, &size, &edges))
        return NULL;
    Py_ssize_t count = edges.len / (Py_ssize_t)sizeof(int64_t) - 1;
    PyObject *made = PyList_New(count > 0 ? count : 0);
    int64_t start = 0, end;
    if (made != NULL && count > 0)
        memcpy(&start, edges.buf, sizeof start);
    for (Py_ssize_t i = 0; made != NULL && i < count; i++) {
        PyObject *piece = NULL;
        memcpy(&end, (const char *)edges.buf + (i + 1) * (Py_ssize_t)sizeof end, sizeof end);
        if (start < 0 || end < start || end > (int64_t)size)
            PyErr_SetString(PyExc_ValueError, "edges that do not ascend within the data");
        else
            piece = PyBytes_FromStringAndSize(data + start, (Py_ssize_t)(end - start));
        if (piece == NULL || PyList_SetItem(made, i, piece) < 0)
            Py_CLEAR(made);
        start = end;
    }
    PyBuffer_Release(&edges);
    return made;
}
