/* The words of a text, as numbers: `index.words` says which, and has the same in Python. */
#include "native.h"

#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

/* The words that a text has, while they are collected in a set, or not (NULL).
 *
 * `seen` knows words that are in the set, a key in the place that its hash leads to: a short word
 * itself, for a long one 63 bits of a keyed hash, and the highest bit.
 */
typedef struct {
    Numbers brief, longer;
    PyObject *set;
    uint64_t *seen;
    size_t mask;
} Found;

/* Whether a lexicon has a word: it has a letter beyond f, and is not digits and a z. */
static inline int is_lexical(const uint8_t *word, size_t size) {
    size_t at = 0, digits = 0;
    while (at < size && word[at] <= 'f')
        at++;
    while (digits < size && word[digits] <= '9')
        digits++;
    return at < size && !(word[at] == 'z' && at + 1 == size && digits == at);
}

/* Put a word into a set when it is lexical; false with an error. */
static int collect(const uint8_t *word, size_t size, PyObject *set) {
    if (!is_lexical(word, size))
        return 1;
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)word, (Py_ssize_t)size);
    int done = bytes != NULL && PySet_Add(set, bytes) == 0;
    Py_XDECREF(bytes);
    return done;
}

/* Put a word into the set unless it is known to be there; false with an error. */
static inline int collect_once(const uint8_t *word, size_t size, uint64_t key, Found *found) {
    uint64_t *known = &found->seen[place_of(key) & found->mask];
    if (*known == key)
        return 1;
    *known = key;
    return collect(word, size, found->set);
}

/* Add a word; false with an error. A short one that came before in this text is in the set. */
static inline int add_word(const uint8_t *word, size_t size, Found *found) {
    uint64_t head = eight(word);
    int added;
    if (size <= 8) {
        uint64_t number = size == 8 ? head : head & ((1ULL << 8 * size) - 1);
        added = numbers_add(&found->brief, number);
        if (added == 1 && found->set != NULL)
            return collect_once(word, size, number, found);
    } else {
        uint64_t tail = eight(word + size - 8) * M2 + (uint64_t)size * M3;
        uint64_t mixed = ((head * M1) ^ tail) * M4, number = mixed >> (64 - NUMBER_BITS);
        uint64_t key = found->set == NULL ? 0 : keyed_hash(word, size, secret) | 1ULL << 63;
        if (found->set != NULL && !collect_once(word, size, key, found))
            return 0;
        added = numbers_add(&found->longer, number ? number : 1);
    }
    if (added < 0)
        PyErr_NoMemory();
    return added >= 0;
}

/* Fold 64 bytes; return a bit for each that is of a word. */
static uint64_t fold(const uint8_t *data, uint8_t *text) {
    uint64_t inside = 0;
#ifdef __SSE2__
    const __m128i case_bit = _mm_set1_epi8(0x20), letters = _mm_set1_epi8(-128 + 26);
    const __m128i to_a = _mm_set1_epi8('a' - 128), to_0 = _mm_set1_epi8('0' - 128);
    const __m128i digits = _mm_set1_epi8(-128 + 10);
    for (int i = 0; i < 4; i++) {
        __m128i given = _mm_loadu_si128((const __m128i *)(data + 16 * i));
        __m128i lower = _mm_or_si128(given, case_bit);
        __m128i letter = _mm_cmplt_epi8(_mm_sub_epi8(lower, to_a), letters);
        __m128i digit = _mm_cmplt_epi8(_mm_sub_epi8(given, to_0), digits);
        __m128i kept = _mm_or_si128(_mm_and_si128(letter, lower), _mm_and_si128(digit, given));
        _mm_storeu_si128((__m128i *)(text + 16 * i), kept);
        uint64_t bits = (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_or_si128(letter, digit));
        inside |= bits << 16 * i;
    }
#else
    for (int i = 0; i < 64; i++) {
        text[i] = folded[data[i]];
        inside |= (uint64_t)(text[i] != 0) << i;
    }
#endif
    return inside;
}

/* Add the words of a folded text; `inside` has a bit for each of its bytes, and 0 behind it.
 *
 * A word begins and ends where a bit differs from the one before: to follow these and not the bytes
 * spares the processor a wrong guess at the end of most words.
 */
static int add_words(const uint8_t *text, const uint64_t *inside, size_t count, Found *found) {
    size_t start = 0;
    uint64_t before = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t edges = inside[i] ^ (inside[i] << 1 | before);
        int is_inside = (int)before;
        for (; edges != 0; edges &= edges - 1, is_inside = !is_inside) {
            size_t edge = 64 * i + lowest_bit(edges);
            if (!is_inside)
                start = edge;
            else if (!add_word(text + start, edge - start, found))
                return 0;
        }
        before = inside[i] >> 63;
    }
    return 1;
}

/* Fold `size` bytes into `text` and add their words; false with an error.
 *
 * All is folded first: to read words across what was only just written is slow.
 */
static int cut(const uint8_t *data, size_t size, uint8_t *text, uint64_t *inside, Found *found) {
    size_t count = size / 64;
    uint8_t last[64] = {0};
    memcpy(last, data + 64 * count, size - 64 * count);
    for (size_t i = 0; i < count; i++)
        inside[i] = fold(data + 64 * i, text + 64 * i);
    inside[count] = fold(last, text + 64 * count);
    inside[count + 1] = 0;
    memset(text + 64 * (count + 1), 0, 8);
    return add_words(text, inside, count + 2, found);
}

static PyObject *as_bytes(const Numbers *numbers) {
    Py_ssize_t size = (Py_ssize_t)(numbers->count * sizeof(uint64_t));
    return PyBytes_FromStringAndSize((const char *)numbers->list, size);
}

static PyObject *words_of(const uint8_t *data, size_t size, Found *found) {
    PyObject *made = NULL;
    uint8_t *text = malloc(size + 64 + 8);
    uint64_t *inside = malloc((size / 64 + 2) * sizeof(uint64_t));
    if (text == NULL || inside == NULL)
        PyErr_NoMemory();
    else if (cut(data, size, text, inside, found))
        made = Py_BuildValue("NN", as_bytes(&found->brief), as_bytes(&found->longer));
    free(found->brief.list);
    free(found->brief.slots);
    free(found->longer.list);
    free(found->longer.slots);
    free(text);
    free(inside);
    return made;
}

PyObject *native_cut(PyObject *Py_UNUSED(module), PyObject *args) {
    const char *data;
    Py_ssize_t size;
    PyObject *set, *made = NULL;
    Py_buffer seen;
    if (!PyArg_ParseTuple(args, "y#Ow*", &data, &size, &set, &seen))
        return NULL;
    if (folded['a'] == 0)
        fill_folded();
    size_t slots = (size_t)seen.len / sizeof(uint64_t);
    Found found = {{0}, {0}, set == Py_None ? NULL : set, seen.buf, slots - 1};
    if (set != Py_None && !PySet_Check(set))
        PyErr_SetString(PyExc_TypeError, "the words are collected in a set, or not (None)");
    else if (slots == 0 || (slots & (slots - 1)) != 0 || (uintptr_t)seen.buf % sizeof(uint64_t))
        PyErr_SetString(PyExc_ValueError, "what was seen is an array of 2^n numbers (u64)");
    else
        made = words_of((const uint8_t *)data, (size_t)size, &found);
    PyBuffer_Release(&seen);
    return made;
}
