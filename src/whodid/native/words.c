/* The words of a text, as numbers: `index.words` says which, and has the same in Python. */
#include "native.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_BITS 22

static const uint64_t M1 = 0x9E3779B97F4A7C15, M2 = 0xC2B2AE3D27D4EB4F, M3 = 0x165667B19E3779F9,
                      M4 = 0xD6E8FEB86659FD93;

/* Distinct numbers other than 0: `list` in the order in which they came, `slots` to find them. */
typedef struct {
    uint64_t *list, *slots;
    size_t count, mask;
} Numbers;

/* Of this process: nobody can choose words that fall into one place. */
static uint64_t secret;

int native_draw_secret(void) {
    PyObject *os = PyImport_ImportModule("os");
    PyObject *drawn = os == NULL ? NULL : PyObject_CallMethod(os, "urandom", "i", 8);
    const uint8_t *data;
    size_t size;
    int done = drawn != NULL && bytes_of(drawn, &data, &size) == 0 && size == sizeof secret;
    if (done)
        memcpy(&secret, data, sizeof secret);
    Py_XDECREF(drawn);
    Py_XDECREF(os);
    return done;
}

uint64_t native_secret(void) { return secret; }

static inline size_t place_of(uint64_t number) {
    uint64_t mixed = (number ^ secret) * M1;
    return (size_t)((mixed ^ mixed >> 29) * M4 >> 32);
}

static inline void numbers_put(uint64_t *slots, size_t mask, uint64_t number) {
    size_t at = place_of(number) & mask;
    while (slots[at] != 0)
        at = (at + 1) & mask;
    slots[at] = number;
}

/* Make room for twice as many, for 2,048 at first; false without memory. */
static int numbers_grow(Numbers *numbers) {
    size_t slots = numbers->mask ? 2 * (numbers->mask + 1) : 4096;
    uint64_t *list = realloc(numbers->list, slots / 2 * sizeof(uint64_t));
    if (list != NULL)
        numbers->list = list;
    uint64_t *fresh = calloc(slots, sizeof(uint64_t));
    if (list == NULL || fresh == NULL) {
        free(fresh);
        return 0;
    }
    for (size_t i = 0; i < numbers->count; i++)
        numbers_put(fresh, slots - 1, list[i]);
    free(numbers->slots);
    numbers->slots = fresh;
    numbers->mask = slots - 1;
    return 1;
}

/* Add a number, not 0: return 1 for a new one, 0 for a known one, -1 without memory. */
static inline int numbers_add(Numbers *numbers, uint64_t number) {
    if (2 * numbers->count >= numbers->mask && !numbers_grow(numbers))
        return -1;
    size_t at = place_of(number) & numbers->mask;
    while (numbers->slots[at] != 0) {
        if (numbers->slots[at] == number)
            return 0;
        at = (at + 1) & numbers->mask;
    }
    numbers->slots[at] = number;
    numbers->list[numbers->count++] = number;
    return 1;
}

/* A letter or digit of ASCII in lower case; 0 for what stands between words. */
static uint8_t folded[256];

static void fill_folded(void) {
    for (int c = 0; c < 128; c++) {
        if (c >= 'A' && c <= 'Z')
            folded[c] = (uint8_t)(c + 32);
        else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            folded[c] = (uint8_t)c;
    }
}

/* Eight bytes, the first lowest; what is read must be there. */
static inline uint64_t eight(const uint8_t *data) {
    uint64_t number = 0;
    for (int i = 7; i >= 0; i--)
        number = number << 8 | data[i];
    return number;
}

/* Words that were collected lately: most long words come again soon. */
#define LATELY 2048
typedef struct {
    const uint8_t *word;
    size_t size;
} Word;

/* The words that a text has, while they are collected in a set, or not (NULL). */
typedef struct {
    Numbers brief, longer;
    PyObject *set;
    Word lately[LATELY];
} Found;

/* Put a word into a set when it has a letter beyond f; false with an error. */
static int collect(const uint8_t *word, size_t size, PyObject *set) {
    size_t at = 0;
    while (at < size && word[at] <= 'f')
        at++;
    if (at == size)
        return 1;
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)word, (Py_ssize_t)size);
    int done = bytes != NULL && PySet_Add(set, bytes) == 0;
    Py_XDECREF(bytes);
    return done;
}

static int collect_long(const uint8_t *word, size_t size, uint64_t mixed, Found *found) {
    Word *last = &found->lately[mixed >> 32 & (LATELY - 1)];
    if (last->size == size && memcmp(last->word, word, size) == 0)
        return 1;
    *last = (Word){word, size};
    return collect(word, size, found->set);
}

/* Add a word; false with an error. A short one that is known is in the set already. */
static inline int add_word(const uint8_t *word, size_t size, Found *found) {
    uint64_t head = eight(word);
    int added;
    if (size <= 8) {
        added = numbers_add(&found->brief, size == 8 ? head : head & ((1ULL << 8 * size) - 1));
        if (added == 1 && found->set != NULL)
            return collect(word, size, found->set);
    } else {
        uint64_t tail = eight(word + size - 8) * M2 + (uint64_t)size * M3;
        uint64_t mixed = ((head * M1) ^ tail) * M4, number = mixed >> (64 - NUMBER_BITS);
        if (found->set != NULL && !collect_long(word, size, mixed, found))
            return 0;
        added = numbers_add(&found->longer, number ? number : 1);
    }
    if (added < 0)
        PyErr_NoMemory();
    return added >= 0;
}

/* Fold `size` bytes into `text`, which has room for eight more, and add their words. */
static int cut(const uint8_t *data, size_t size, uint8_t *text, Found *found) {
    size_t start = 0;
    for (size_t i = 0; i < size; i++)
        text[i] = folded[data[i]];
    memset(text + size, 0, 8);
    for (size_t i = 0; i <= size; i++) {
        if (text[i] != 0)
            continue;
        if (i > start && !add_word(text + start, i - start, found))
            return 0;
        start = i + 1;
    }
    return 1;
}

static PyObject *as_bytes(const Numbers *numbers) {
    Py_ssize_t size = (Py_ssize_t)(numbers->count * sizeof(uint64_t));
    return PyBytes_FromStringAndSize((const char *)numbers->list, size);
}

PyObject *native_cut(PyObject *Py_UNUSED(module), PyObject *args) {
    const char *data;
    Py_ssize_t size;
    PyObject *set, *made = NULL;
    if (!PyArg_ParseTuple(args, "y#O", &data, &size, &set))
        return NULL;
    if (folded['a'] == 0)
        fill_folded();
    if (set != Py_None && !PySet_Check(set)) {
        PyErr_SetString(PyExc_TypeError, "the words are collected in a set, or not (None)");
        return NULL;
    }
    Found *found = calloc(1, sizeof(Found));
    uint8_t *text = malloc((size_t)size + 8);
    if (found == NULL || text == NULL) {
        PyErr_NoMemory();
    } else {
        found->set = set == Py_None ? NULL : set;
        if (cut((const uint8_t *)data, (size_t)size, text, found))
            made = Py_BuildValue("NN", as_bytes(&found->brief), as_bytes(&found->longer));
        free(found->brief.list);
        free(found->brief.slots);
        free(found->longer.list);
        free(found->longer.slots);
    }
    free(found);
    free(text);
    return made;
}
