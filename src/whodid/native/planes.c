/* Whole numbers that stand plane by plane, all lowest bytes first: see `index.coding`. */
#include "native.h"

#include <stdlib.h>

#define AT_ONCE 1024 /* numbers that stay in the cache from plane to plane */

static void put_together(const uint8_t *planes, size_t width, size_t count, uint64_t *out) {
    for (size_t from = 0; from < count; from += AT_ONCE) {
        size_t end = count - from < AT_ONCE ? count : from + AT_ONCE;
        for (size_t i = from; i < end; i++)
            out[i] = planes[i];
        for (size_t plane = 1; plane < width; plane++) {
            const uint8_t *bytes = planes + plane * count;
            int shift = (int)(8 * plane);
            for (size_t i = from; i < end; i++)
                out[i] |= (uint64_t)bytes[i] << shift;
        }
    }
}

PyObject *native_planes(PyObject *Py_UNUSED(module), PyObject *args) {
    Py_buffer data;
    Py_ssize_t width, count;
    PyObject *made = NULL;
    if (!PyArg_ParseTuple(args, "y*nn", &data, &width, &count))
        return NULL;
    if (width < 1 || width > 8 || count < 0 || count > PY_SSIZE_T_MAX / 8 ||
        data.len != width * count)
        PyErr_SetString(PyExc_ValueError, "planes of 1 to 8 bytes, one a number each");
    else
        made = PyBytes_FromStringAndSize(NULL, count * (Py_ssize_t)sizeof(uint64_t));
    uint64_t *out = made == NULL ? NULL : (uint64_t *)(void *)PyBytes_AsString(made);
    if (out != NULL)
        put_together(data.buf, (size_t)width, (size_t)count, out);
    PyBuffer_Release(&data);
    return made;
}
