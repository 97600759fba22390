/* What the files of this module share. Everything returns a new reference, or NULL with an error. */
#ifndef WHODID_NATIVE_H
#define WHODID_NATIVE_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000 /* one file for every Python from 3.11 on */
#include <Python.h>
#include <stdint.h>

/* The place of the lowest bit that is set; there is one. */
static inline size_t lowest_bit(uint64_t bits) {
#if defined(__GNUC__) || defined(__clang__)
    return (size_t)__builtin_ctzll(bits);
#else
    size_t at = 0;
    while (!(bits >> at & 1))
        at++;
    return at;
#endif
}

int bytes_of(PyObject *object, const uint8_t **data, size_t *size);
int64_t place_at(const Py_buffer *places, Py_ssize_t number);
Py_ssize_t count_places(const Py_buffer *begin, const Py_buffer *end, Py_ssize_t size);
uint64_t native_secret(void);
uint64_t keyed_hash(const uint8_t *data, size_t size, uint64_t key);

PyObject *native_commitments(PyObject *module, PyObject *args);
PyObject *native_commitments_at(PyObject *module, PyObject *args);
PyObject *native_sha256_rows(PyObject *module, PyObject *args);
PyObject *native_number(PyObject *module, PyObject *args);
PyObject *native_join(PyObject *module, PyObject *args);
PyObject *native_sha256_pieces(PyObject *module, PyObject *args);
PyObject *native_hmac_each(PyObject *module, PyObject *args);
PyObject *native_fields(PyObject *module, PyObject *args);
PyObject *native_names(PyObject *module, PyObject *text);
PyObject *native_plant(PyObject *module, PyObject *args);
PyObject *native_pruned(PyObject *module, PyObject *args);
PyObject *native_walk(PyObject *module, PyObject *args);
PyObject *native_leaves(PyObject *module, PyObject *args);
PyObject *native_ask(PyObject *module, PyObject *args);
PyObject *native_paths(PyObject *module, PyObject *args);
PyObject *native_sha256_each(PyObject *module, PyObject *list);
PyObject *native_bounds(PyObject *module, PyObject *args);
PyObject *native_split(PyObject *module, PyObject *args);
PyObject *native_codes(PyObject *module, PyObject *args);
PyObject *native_count(PyObject *module, PyObject *args);
PyObject *native_cut(PyObject *module, PyObject *args);
PyObject *native_grams(PyObject *module, PyObject *args);
PyObject *native_planes(PyObject *module, PyObject *args);
PyObject *native_seek(PyObject *module, PyObject *args);
int native_add(PyObject **found, PyObject *bits);
int native_take(PyObject *value, PyObject *branch, PyObject **found);
int native_walk_in(PyObject *native, PyObject *branches, PyObject **found);
void native_choose(void);
int native_draw_secret(void);

#endif
