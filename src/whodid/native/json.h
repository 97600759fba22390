/* Reading over JSON, as the files that walk through records do. */
#ifndef WHODID_JSON_H
#define WHODID_JSON_H

#include <stdint.h>
#include <string.h>

#define DEPTH_MAX 32
#define NUMBER_MAX 18 /* characters: what fits 64 bits whoever reads it */

static inline const uint8_t *blanks_end(const uint8_t *at, const uint8_t *end) {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r'))
        at++;
    return at;
}

static inline const uint8_t *digits_end(const uint8_t *at, const uint8_t *end) {
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* Return where a number ends; NULL for none, and for one that parsers may read differently. */
static inline const uint8_t *number_end(const uint8_t *start, const uint8_t *end) {
    const uint8_t *whole = start + (*start == '-'), *at = digits_end(whole, end);
    if (at == whole || (*whole == '0' && at - whole > 1))
        return NULL;
    if (at < end && *at == '.') {
        const uint8_t *part = at + 1;
        if ((at = digits_end(part, end)) == part)
            return NULL;
    }
    if (at - start > NUMBER_MAX || (at < end && (*at == 'e' || *at == 'E')))
        return NULL;
    return at;
}

/* Return where a word ends that stands here, NULL where it does not. */
static inline const uint8_t *word_end(const uint8_t *at, const uint8_t *end, const char *word) {
    size_t size = strlen(word);
    return (size_t)(end - at) >= size && memcmp(at, word, size) == 0 ? at + size : NULL;
}

#endif
