/* Fields of many plain JSON objects, as places in their text: what makes columns of groups.
 *
 * Plain is an object without blanks, escapes, control characters and nesting, whose names are known
 * and stand in their order: what our doors write. Of anything else the caller takes the long way.
 */
#include "native.h"

#include <string.h>

#define FIELDS_MAX 64
#define DIGITS_MAX 18

/* A field: its name, its kind ('t'ext or 'n'umber), and what was found, 16 bytes an object.
 *
 * First a number an object: where its text begins, or its value; then where it ends, or 1. What is
 * not there is -1 and -1, or 0 and 0. `made` is NULL while no object has the field.
 */
typedef struct {
    const uint8_t *name;
    size_t size;
    char kind;
    PyObject *made;
    int64_t *found;
} Field;

typedef struct {
    Field fields[FIELDS_MAX];
    size_t count;
    Py_ssize_t objects;
} Fields;

typedef enum { PLAIN, NOT_PLAIN, FAILED } Outcome;

static int set_field(Field *field, Py_ssize_t objects, Py_ssize_t object, int64_t one, int64_t two) {
    if (field->made == NULL) {
        Py_ssize_t size = 2 * objects * (Py_ssize_t)sizeof(int64_t);
        field->made = PyBytes_FromStringAndSize(NULL, size);
        if (field->made == NULL)
            return 0;
        field->found = (int64_t *)(void *)PyBytes_AsString(field->made);
        memset(field->found, field->kind == 't' ? 0xff : 0, (size_t)size);
    }
    field->found[object] = one;
    field->found[objects + object] = two;
    return 1;
}

/* Return where a string ends that begins behind its quote, NULL for one that is not plain. */
static const uint8_t *string_end(const uint8_t *at, const uint8_t *end) {
    while (at < end && *at != '"' && *at != '\\' && *at >= 0x20)
        at++;
    return at < end && *at == '"' ? at : NULL;
}

/* Read a whole number; return where it ends, NULL for one that is not plain. */
static const uint8_t *number_end(const uint8_t *at, const uint8_t *end, int64_t *number) {
    int minus = at < end && *at == '-';
    const uint8_t *start = at += minus;
    *number = 0;
    for (; at < end && *at >= '0' && *at <= '9' && at - start < DIGITS_MAX; at++)
        *number = 10 * *number + (*at - '0');
    if (at == start || (*start == '0' && (at - start > 1 || minus)))
        return NULL;
    if (minus)
        *number = -*number;
    return at;
}

/* Return the field of a name, looked for from `*next` on; NULL when there is none. */
static Field *field_of(Fields *fields, const uint8_t *name, size_t size, size_t *next) {
    for (size_t i = *next; i < fields->count; i++) {
        Field *field = &fields->fields[i];
        if (field->size == size && memcmp(field->name, name, size) == 0) {
            *next = i + 1;
            return field;
        }
    }
    return NULL;
}

/* Read one object in data[start:end]. */
static Outcome read_object(const uint8_t *data, int64_t start, int64_t end, Py_ssize_t object,
                           Fields *fields) {
    const uint8_t *at = data + start, *stop = data + end;
    size_t next = 0;
    if (at == stop || (stop - at == 2 && at[0] == '{' && at[1] == '}'))
        return PLAIN;
    if (*at != '{')
        return NOT_PLAIN;
    for (uint8_t before = '{'; at < stop && *at == before; before = ',') {
        const uint8_t *name = at + 2, *name_end, *value_end;
        if (stop - at < 2 || at[1] != '"' || (name_end = string_end(name, stop)) == NULL ||
            stop - name_end < 3 || name_end[1] != ':')
            return NOT_PLAIN;
        Field *field = field_of(fields, name, (size_t)(name_end - name), &next);
        const uint8_t *value = name_end + 2;
        int64_t number = 0;
        if (field == NULL)
            return NOT_PLAIN;
        if (field->kind == 't')
            value_end = *value == '"' ? string_end(++value, stop) : NULL;
        else
            value_end = number_end(value, stop, &number);
        if (value_end == NULL)
            return NOT_PLAIN;
        int64_t one = field->kind == 't' ? value - data : number;
        int64_t two = field->kind == 't' ? value_end - data : 1;
        if (!set_field(field, fields->objects, object, one, two))
            return FAILED;
        at = value_end + (field->kind == 't');
    }
    return stop - at == 1 && *at == '}' ? PLAIN : NOT_PLAIN;
}

/* Take the names and kinds that are looked for; false with an error. */
static int take_names(PyObject *names, const char *kinds, Py_ssize_t count, Fields *fields) {
    if (PyTuple_Size(names) != count || count > FIELDS_MAX) {
        PyErr_SetString(PyExc_ValueError, "as many kinds as names are wanted, and not too many");
        return 0;
    }
    fields->count = (size_t)count;
    for (Py_ssize_t i = 0; i < count; i++) {
        Field *field = &fields->fields[i];
        field->kind = kinds[i];
        if (bytes_of(PyTuple_GetItem(names, i), &field->name, &field->size) < 0)
            return 0;
        if (field->kind != 't' && field->kind != 'n') {
            PyErr_SetString(PyExc_ValueError, "a kind is t or n");
            return 0;
        }
    }
    return 1;
}

static PyObject *list_of(const Fields *fields) {
    PyObject *made = PyList_New((Py_ssize_t)fields->count);
    for (size_t i = 0; made != NULL && i < fields->count; i++) {
        PyObject *one = fields->fields[i].made;
        if (PyList_SetItem(made, (Py_ssize_t)i, Py_NewRef(one == NULL ? Py_None : one)) < 0)
            Py_CLEAR(made);
    }
    return made;
}

PyObject *native_fields(PyObject *Py_UNUSED(module), PyObject *args) {
    const char *data, *kinds;
    Py_ssize_t size, kinds_size;
    PyObject *names, *made = NULL;
    Py_buffer begin, end;
    Fields fields = {.count = 0};
    if (!PyArg_ParseTuple(args, "y#y*y*O!y#", &data, &size, &begin, &end, &PyTuple_Type, &names,
                          &kinds, &kinds_size))
        return NULL;
    Outcome outcome = FAILED;
    fields.objects = count_places(&begin, &end, size);
    if (fields.objects >= 0 && take_names(names, kinds, kinds_size, &fields))
        outcome = PLAIN;
    for (Py_ssize_t i = 0; outcome == PLAIN && i < fields.objects; i++)
        outcome = read_object((const uint8_t *)data, place_at(&begin, i), place_at(&end, i), i,
                              &fields);
    if (outcome == PLAIN)
        made = list_of(&fields);
    else if (outcome == NOT_PLAIN)
        made = Py_NewRef(Py_None);
    for (size_t i = 0; i < fields.count; i++)
        Py_XDECREF(fields.fields[i].made);
    PyBuffer_Release(&begin);
    PyBuffer_Release(&end);
    return made;
}
