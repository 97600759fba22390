/* Whole numbers that stand plane by plane, all lowest bytes first: see `index.coding`. */
#include "native.h"

#include <stdlib.h>

#define AT_ONCE 1024 /* numbers that stay in the cache from plane to plane */

/* What is made of numbers once they are put together, in this order. */
typedef struct {
    uint64_t unit; /* they are multiplied by it */
    int are_signed; /* the lowest bit says whether they are below zero */
    int are_steps; /* each is how much it is more than the one before */
} Meaning;

static void put_together(const uint8_t *planes, size_t width, size_t count, size_t from, size_t end,
                         uint64_t *out) {
    for (size_t i = from; i < end; i++)
        out[i] = planes[i];
    for (size_t plane = 1; plane < width; plane++) {
        const uint8_t *bytes = planes + plane * count;
        int shift = (int)(8 * plane);
        for (size_t i = from; i < end; i++)
            out[i] |= (uint64_t)bytes[i] << shift;
    }
}

/* Give numbers their meaning; `sum` is the one before them, and what it is now is returned. */
static uint64_t mean(const Meaning *meaning, size_t from, size_t end, uint64_t sum, uint64_t *out) {
    if (meaning->unit != 1)
        for (size_t i = from; i < end; i++)
            out[i] *= meaning->unit;
    if (meaning->are_signed)
        for (size_t i = from; i < end; i++)
            out[i] = out[i] >> 1 ^ (0 - (out[i] & 1));
    if (meaning->are_steps)
        for (size_t i = from; i < end; i++)
            out[i] = sum += out[i];
    return sum;
}

static void fill(const uint8_t *planes, size_t width, size_t count, const Meaning *meaning,
                 uint64_t *out) {
    uint64_t sum = 0;
    for (size_t from = 0; from < count; from += AT_ONCE) {
        size_t end = count - from < AT_ONCE ? count : from + AT_ONCE;
        put_together(planes, width, count, from, end, out);
        sum = mean(meaning, from, end, sum, out);
    }
}

PyObject *native_planes(PyObject *Py_UNUSED(module), PyObject *args) {
    Py_buffer data;
    Py_ssize_t width, count;
    unsigned long long unit;
    Meaning meaning;
    PyObject *made = NULL;
    if (!PyArg_ParseTuple(args, "y*nnKpp", &data, &width, &count, &unit, &meaning.are_signed,
                          &meaning.are_steps))
        return NULL;
    meaning.unit = unit;
    if (width < 1 || width > 8 || count < 0 || count > PY_SSIZE_T_MAX / 8 ||
        data.len != width * count)
        PyErr_SetString(PyExc_ValueError, "planes of 1 to 8 bytes, one a number each");
    else
        made = PyBytes_FromStringAndSize(NULL, count * (Py_ssize_t)sizeof(uint64_t));
    uint64_t *out = made == NULL ? NULL : (uint64_t *)(void *)PyBytes_AsString(made);
    if (out != NULL)
        fill(data.buf, (size_t)width, (size_t)count, &meaning, out);
    PyBuffer_Release(&data);
    return made;
}
