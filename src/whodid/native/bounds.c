/* Where texts begin that follow each other, from their lengths: see `ledger.frame`. */
#include "native.h"

/* `count` lengths, big-endian u32; in planes, first the highest bytes of all, then the next. */
typedef struct {
    const uint8_t *data;
    size_t count;
    int in_planes;
} Lengths;

static uint32_t length_at(const Lengths *lengths, size_t number) {
    size_t step = lengths->in_planes ? lengths->count : 1;
    const uint8_t *at = lengths->data + (lengths->in_planes ? number : 4 * number);
    return (uint32_t)at[0] << 24 | (uint32_t)at[step] << 16 | (uint32_t)at[2 * step] << 8 |
           at[3 * step];
}

/* Lengths stand group by group; the texts in planes do too, others row by row. */
static void add_up(const Lengths *lengths, size_t groups, int64_t start, int64_t *made) {
    size_t rows = lengths->count / groups;
    *made++ = start;
    if (lengths->in_planes) {
        for (size_t i = 0; i < lengths->count; i++)
            *made++ = start += length_at(lengths, i);
        return;
    }
    for (size_t row = 0; row < rows; row++)
        for (size_t group = 0; group < groups; group++)
            *made++ = start += length_at(lengths, group * rows + row);
}

PyObject *native_bounds(PyObject *Py_UNUSED(module), PyObject *args) {
    const uint8_t *data;
    Py_ssize_t size, rows, groups;
    int in_planes;
    if (!PyArg_ParseTuple(args, "y#nnp", &data, &size, &rows, &groups, &in_planes))
        return NULL;
    if (rows < 0 || groups < 1 || rows > size / 4 / groups) {
        PyErr_SetString(PyExc_ValueError, "lengths that are cut short");
        return NULL;
    }
    Lengths lengths = {data, (size_t)rows * (size_t)groups, in_planes};
    Py_ssize_t bytes = (Py_ssize_t)((lengths.count + 1) * sizeof(int64_t));
    PyObject *made = PyBytes_FromStringAndSize(NULL, bytes);
    if (made == NULL)
        return NULL;
    int64_t *bounds = (int64_t *)PyBytes_AsString(made);
    Py_BEGIN_ALLOW_THREADS;
    add_up(&lengths, (size_t)groups, (int64_t)(4 * lengths.count), bounds);
    Py_END_ALLOW_THREADS;
    return made;
}
