/// The little of a JSON reader that the SQS stand-in needs: ranges of a well-formed document, nothing decoded.
#ifndef ASYA_PERF_SQS_JSON_H
#define ASYA_PERF_SQS_JSON_H

#include <stdbool.h>
#include <stddef.h>

struct json_range {
    const char *from, *to;
};

/// One step through an object's members or an array's elements. Begin with the whole container in `rest`.
bool json_next_member(struct json_range *rest, struct json_range *name, struct json_range *value);
bool json_next_element(struct json_range *rest, struct json_range *value);
/// The value of a member; false when there is none. Names have no escapes.
bool json_member(struct json_range object, const char *name, struct json_range *value);
/// The inside of a string.
struct json_range json_text(struct json_range string);
/// The integer of a member, or `fallback`.
long json_integer(struct json_range object, const char *name, long fallback);

#endif
