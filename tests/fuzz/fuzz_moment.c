/* Durations and times as a person types them, zones among them. */
#include "fuzz/fuzz.h"

#include "surfaces/cli/moment.h"

#include <string.h>

#define NOW_MS INT64_C(1795906800000)

static void duration(const char *text)
{
    int64_t seconds = -1;
    if (ops_moment_duration(text, &seconds) != OPS_OK)
        FUZZ_MUST(seconds == -1);
    else
        FUZZ_MUST(seconds >= 0 && text[0] >= '0' && text[0] <= '9');
}

static void time_of(const char *text)
{
    char instant[OPS_INSTANT_TEXT_SIZE] = "as before", again[OPS_INSTANT_TEXT_SIZE];
    int64_t at_ms;
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = ops_moment_time("--start", text, NOW_MS, instant, &error);
    if (status == OPS_OK) {
        FUZZ_MUST(ops_instant_parse(ops_view_of(instant), &at_ms) == OPS_OK);
        FUZZ_MUST(ops_moment_time("--start", instant, NOW_MS, again, NULL) == OPS_OK && strcmp(instant, again) == 0);
        FUZZ_MUST(text[0] != '+' || at_ms >= NOW_MS);
    } else {
        FUZZ_MUST(status == OPS_USAGE && error.text[0] && strcmp(instant, "as before") == 0);
    }
    ops_error_release(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    char text[256];
    size_t length = count < sizeof text - 1 ? count : sizeof text - 1;
    if (length)
        memcpy(text, bytes, length);
    text[length] = '\0';
    duration(text);
    time_of(text);
    return 0;
}
