#include "reference.h"

#include <string.h>

typedef struct {
    const uint8_t *bytes;
    size_t count;
    size_t at;
    unsigned depth_left;
} reader;

static bool value(reader *r);

static int peek(const reader *r) { return r->at < r->count ? r->bytes[r->at] : -1; }

static bool take(reader *r, int byte) {
    if (peek(r) != byte) return false;
    r->at++;
    return true;
}

static void space(reader *r) {
    while (take(r, ' ') || take(r, '\t') || take(r, '\n') || take(r, '\r')) {
    }
}

static bool word(reader *r, const char *text) {
    for (; *text != 0; text++) {
        if (!take(r, *text)) return false;
    }
    return true;
}

static bool digits(reader *r) {
    size_t start = r->at;
    while (peek(r) >= '0' && peek(r) <= '9') r->at++;
    return r->at > start;
}

static bool number(reader *r) {
    take(r, '-');
    if (!take(r, '0') && !digits(r)) return false;
    if (take(r, '.') && !digits(r)) return false;
    if (take(r, 'e') || take(r, 'E')) {
        if (!take(r, '+')) take(r, '-');
        return digits(r);
    }
    return true;
}

// Decodes one character the long way: no overlong forms, no surrogates, nothing beyond U+10FFFF.
static bool character(reader *r) {
    uint32_t first = r->bytes[r->at++];
    if (first < 0x80) return true;
    int more = 1;
    if (first < 0xc0 || first > 0xf7) return false;
    if (first >= 0xe0) more = first >= 0xf0 ? 3 : 2;
    uint32_t scalar = first & (0x3fu >> more);
    for (int i = 0; i < more; i++) {
        int next = peek(r);
        if (next < 0x80 || next > 0xbf) return false;
        scalar = scalar << 6 | ((uint32_t)next & 0x3f);
        r->at++;
    }
    static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    return scalar >= smallest[more] && scalar <= 0x10ffff && (scalar < 0xd800 || scalar > 0xdfff);
}

static bool string(reader *r) {
    if (!take(r, '"')) return false;
    for (;;) {
        int byte = peek(r);
        if (byte < ' ') return false; // the end, too
        if (byte == '"') return take(r, '"');
        if (byte != '\\') {
            if (!character(r)) return false;
            continue;
        }
        r->at++;
        int letter = peek(r);
        if (letter <= 0 || strchr("\"\\/bfnrtu", letter) == NULL) return false;
        r->at++;
        for (int i = 0; letter == 'u' && i < 4; i++) {
            int digit = peek(r);
            if (digit <= 0 || strchr("0123456789abcdefABCDEF", digit) == NULL) return false;
            r->at++;
        }
    }
}

static bool member(reader *r) {
    if (!string(r)) return false;
    space(r);
    if (!take(r, ':')) return false;
    space(r);
    return value(r);
}

static bool list(reader *r, int close, bool (*entry)(reader *)) {
    if (r->depth_left == 0) return false;
    r->depth_left--;
    r->at++;
    space(r);
    if (peek(r) != close) {
        do {
            space(r);
            if (!entry(r)) return false;
            space(r);
        } while (take(r, ','));
    }
    r->depth_left++;
    return take(r, close);
}

static bool value(reader *r) {
    switch (peek(r)) {
    case '{': return list(r, '}', member);
    case '[': return list(r, ']', value);
    case '"': return string(r);
    case 't': return word(r, "true");
    case 'f': return word(r, "false");
    case 'n': return word(r, "null");
    default: return number(r);
    }
}

bool reference_accepts(const uint8_t *bytes, size_t count, unsigned max_depth) {
    reader r = {bytes, count, 0, max_depth};
    space(&r);
    if (!value(&r)) return false;
    space(&r);
    return r.at == count;
}
