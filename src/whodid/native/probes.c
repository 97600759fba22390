/* Which rules the values of a record decide: bits of tables, added up (`detection.compiled`). */
#include "native.h"

/* Add bits to what was found; false with an error. Most values have none. */
int native_add(PyObject **found, PyObject *bits) {
    int more = PyObject_IsTrue(bits);
    if (more <= 0)
        return more == 0;
    PyObject *sum = PyNumber_Or(*found, bits);
    if (sum == NULL)
        return 0;
    Py_DECREF(*found);
    *found = sum;
    return 1;
}

static int add_new(PyObject **found, PyObject *bits) {
    int done = bits != NULL && native_add(found, bits);
    Py_XDECREF(bits);
    return done;
}

/* Add the bits of a text, number or truth value; a table that does not have it yet finds them. */
static int add_text(PyObject **found, PyObject *table, PyObject *text) {
    PyObject *bits = table == NULL ? NULL : PyDict_GetItemWithError(table, text);
    if (bits != NULL) /* another thread may not change the table between */
        return add_new(found, Py_NewRef(bits));
    return !PyErr_Occurred() && add_new(found, PyObject_GetItem(table, text));
}

/* Add what a value passes at a branch: (table of texts or None, what finds the bits of any value,
 * branches below or None, what finds the bits of a list of them, table of truth values). */
int native_take(PyObject *value, PyObject *branch, PyObject **found) {
    PyObject *table = PyTuple_GetItem(branch, 0), *below = PyTuple_GetItem(branch, 2);
    if (table == NULL || below == NULL || value == Py_None)
        return value == Py_None;
    if (table != Py_None) {
        if (PyUnicode_CheckExact(value) || PyBool_Check(value)) {
            if (PyBool_Check(value))
                table = PyTuple_GetItem(branch, 4);
            if (!add_text(found, table, value))
                return 0;
        } else if (!add_new(found, PyObject_CallFunctionObjArgs(PyTuple_GetItem(branch, 1), value,
                                                               NULL))) {
            return 0;
        }
    }
    if (below == Py_None)
        return 1;
    if (PyDict_CheckExact(value))
        return native_walk_in(value, below, found);
    if (PyList_CheckExact(value))
        return add_new(found, PyObject_CallFunctionObjArgs(PyTuple_GetItem(branch, 3), value, NULL));
    return 1;
}

/* Follow the keys that a record and the branches both have. */
int native_walk_in(PyObject *native, PyObject *branches, PyObject **found) {
    int few = PyDict_Size(native) < PyDict_Size(branches);
    PyObject *one = few ? native : branches, *other = few ? branches : native;
    PyObject *key, *here, *there;
    Py_ssize_t place = 0;
    while (PyDict_Next(one, &place, &key, &here)) {
        there = PyDict_GetItemWithError(other, key);
        if (there == NULL) {
            if (PyErr_Occurred())
                return 0;
            continue;
        }
        if (!native_take(few ? here : there, few ? there : here, found))
            return 0;
    }
    return 1;
}

PyObject *native_walk(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *native, *branches;
    if (!PyArg_ParseTuple(args, "O!O!", &PyDict_Type, &native, &PyDict_Type, &branches))
        return NULL;
    PyObject *found = PyLong_FromLong(0);
    if (found != NULL && !native_walk_in(native, branches, &found))
        Py_CLEAR(found);
    return found;
}

/* Return the text or whole number at a path (borrowed), None where nothing is; NULL when a list stands
 * on it, when it is anything else, long or large, or with an error. */
static PyObject *leaf(PyObject *value, PyObject *path, Py_ssize_t longest) {
    Py_ssize_t steps = PyTuple_Size(path);
    for (Py_ssize_t i = 0; i < steps && value != Py_None; i++) {
        if (PyList_CheckExact(value))
            return NULL;
        PyObject *inner = NULL;
        if (PyDict_CheckExact(value))
            inner = PyDict_GetItemWithError(value, PyTuple_GetItem(path, i));
        if (inner == NULL && PyErr_Occurred())
            return NULL;
        value = inner == NULL ? Py_None : inner;
    }
    if (value == Py_None)
        return value;
    if (PyLong_CheckExact(value)) {
        int large;
        PyLong_AsLongLongAndOverflow(value, &large);
        return large || PyErr_Occurred() ? NULL : value;
    }
    return PyUnicode_CheckExact(value) && PyUnicode_GetLength(value) <= longest ? value : NULL;
}

PyObject *native_leaves(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *native, *head, *paths;
    Py_ssize_t longest;
    if (!PyArg_ParseTuple(args, "O!OO!n", &PyDict_Type, &native, &head, &PyTuple_Type, &paths,
                          &longest))
        return NULL;
    Py_ssize_t size = PyTuple_Size(paths);
    PyObject *found = PyTuple_New(size + 1);
    if (found == NULL || PyTuple_SetItem(found, 0, Py_NewRef(head)) < 0)
        return NULL;
    for (Py_ssize_t i = 0; i < size; i++) {
        PyObject *path = PyTuple_GetItem(paths, i), *text = NULL;
        if (PyTuple_Check(path))
            text = leaf(native, path, longest);
        else
            PyErr_SetString(PyExc_TypeError, "a path is a tuple of keys");
        if (text == NULL) {
            Py_DECREF(found);
            return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
        }
        if (PyTuple_SetItem(found, i + 1, Py_NewRef(text)) < 0)
            return NULL;
    }
    return found;
}

/* Tell whether one of the keys is in the set; -1 with an error. */
static int any_in(PyObject *keys, PyObject *set) {
    for (Py_ssize_t i = 0; i < PyTuple_Size(keys); i++) {
        int has = PySet_Contains(set, PyTuple_GetItem(keys, i));
        if (has)
            return has;
    }
    return 0;
}

/* Tell whether a value that is missing may be elsewhere; -1 with an error. */
static int may_be_elsewhere(PyObject *heads, PyObject *here) {
    if (heads == Py_None)
        return 1;
    return PySet_Size(here) == 0 ? 0 : any_in(heads, here);
}

/* What is asked about a group: the names of its fields, and for each a probe: (table of texts, keys
 * of which one is there if a missing value is elsewhere or None, table of whole numbers). */
typedef struct {
    PyObject *names, *probes, *here, *others;
    Py_ssize_t number;
} Asked;

/* Take note of a value that is no text and no whole number; false with an error. */
static int add_other(const Asked *asked, Py_ssize_t field, PyObject *value) {
    PyObject *one = Py_BuildValue("nnO", asked->number, field, value);
    int done = one != NULL && PyList_Append(asked->others, one) == 0;
    Py_XDECREF(one);
    return done;
}

static int take_value(const Asked *asked, Py_ssize_t field, PyObject *value, PyObject **found) {
    PyObject *probe = PyTuple_GetItem(asked->probes, field);
    if (probe == NULL || !PyTuple_Check(probe) || PyTuple_Size(probe) != 3) {
        PyErr_SetString(PyExc_TypeError, "a probe is a tuple of three");
        return 0;
    }
    if (PyUnicode_CheckExact(value))
        return add_text(found, PyTuple_GetItem(probe, 0), value);
    if (PyLong_CheckExact(value))
        return add_text(found, PyTuple_GetItem(probe, 2), value);
    if (value == Py_None || (PyTuple_CheckExact(value) && PyTuple_Size(value) == 0)) {
        int may = may_be_elsewhere(PyTuple_GetItem(probe, 1), asked->here);
        if (may <= 0)
            return may == 0;
    }
    return add_other(asked, field, value);
}

static int take_group(const Asked *asked, PyObject *group, PyObject **found) {
    for (Py_ssize_t i = 0; i < PyTuple_Size(asked->names); i++) {
        PyObject *value = PyObject_GetAttr(group, PyTuple_GetItem(asked->names, i));
        int done = value != NULL && take_value(asked, i, value, found);
        Py_XDECREF(value);
        if (!done)
            return 0;
    }
    return 1;
}

static int take_groups(PyObject *groups, PyObject *plan, Asked *asked, PyObject **found) {
    for (Py_ssize_t i = 0; i < PyTuple_Size(plan); i++) {
        asked->number = i;
        PyObject *group = PyList_GetItem(groups, i), *about = PyTuple_GetItem(plan, i);
        if (group == NULL || !PyArg_ParseTuple(about, "O!O!", &PyTuple_Type, &asked->names,
                                               &PyTuple_Type, &asked->probes))
            return 0;
        if (!take_group(asked, group, found))
            return 0;
    }
    return 1;
}

PyObject *native_ask(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *groups, *plan;
    Asked asked;
    if (!PyArg_ParseTuple(args, "O!O!O!", &PyList_Type, &groups, &PyTuple_Type, &plan, &PySet_Type,
                          &asked.here))
        return NULL;
    PyObject *found = PyLong_FromLong(0), *made = NULL;
    asked.others = PyList_New(0);
    if (found != NULL && asked.others != NULL && take_groups(groups, plan, &asked, &found))
        made = PyTuple_Pack(2, found, asked.others);
    Py_XDECREF(found);
    Py_XDECREF(asked.others);
    return made;
}
