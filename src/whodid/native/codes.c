/* Numbering values as they first appear: what makes a dictionary of a column. */
#include "native.h"

#include <stdlib.h>

/* Return the number of a value, a new one when it is not known; -1 with an error. */
static long number_of(PyObject *value, PyObject *known, PyObject *fresh, long next) {
    PyObject *number = PyDict_GetItemWithError(known, value); /* borrowed */
    if (number != NULL)
        return PyLong_AsLong(number);
    if (PyErr_Occurred() || PyList_Append(fresh, value) < 0)
        return -1;
    number = PyLong_FromLong(next);
    int done = number != NULL && PyDict_SetItem(known, value, number) == 0;
    Py_XDECREF(number);
    return done ? next : -1;
}

PyObject *native_codes(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *values, *known, *made = NULL;
    long next;
    if (!PyArg_ParseTuple(args, "O!O!l", &PyList_Type, &values, &PyDict_Type, &known, &next))
        return NULL;
    Py_ssize_t count = PyList_Size(values);
    PyObject *fresh = PyList_New(0);
    int32_t *codes = malloc((size_t)count * sizeof(int32_t) + 1);
    Py_ssize_t at = 0;
    if (codes == NULL)
        PyErr_NoMemory();
    for (; codes != NULL && fresh != NULL && at < count; at++) {
        PyObject *value = PyList_GetItem(values, at); /* borrowed */
        if (value == NULL)
            break;
        Py_INCREF(value);
        long code = number_of(value, known, fresh, next + (long)PyList_Size(fresh));
        Py_DECREF(value);
        if (code < 0 || code > INT32_MAX) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_ValueError, "a number that is none of a value");
            break;
        }
        codes[at] = (int32_t)code;
    }
    if (codes != NULL && fresh != NULL && at == count) {
        Py_ssize_t size = count * (Py_ssize_t)sizeof(int32_t);
        made = Py_BuildValue("y#O", (const char *)codes, size, fresh);
    }
    free(codes);
    Py_XDECREF(fresh);
    return made;
}
