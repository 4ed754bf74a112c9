/* What a source may find where a window is told of, and whether a gate closes for it. One table for every source. */
#ifndef OPS_TESTS_STATES_H
#define OPS_TESTS_STATES_H

#include <stdbool.h>
#include <stddef.h>

struct window_state {
    const char *window; /* JSON */
    bool closes;
};

static const struct window_state window_states[] = {
    {"{\"maintenance_id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"status\":\"active\"}", true},
    {"{\"status\":\"active\"}", true},
    {"{\"status\":\"active\",\"series_id\":\"x\",\"gates\":{\"expected\":2},\"later\":[null,1.5]}", true},
    {"{}", false},
    {"{\"maintenance_id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"description\":\"Disks\",\"updates\":[]}", false},
    {"{\"status\":\"scheduled\"}", false},
    {"{\"status\":\"ended\"}", false},
    {"{\"status\":\"cancelled\"}", false},
    {"{\"status\":\"suspended\",\"later\":true}", false},
    {"{\"status\":\"\"}", false},
    {"{\"status\":\"Active\"}", false},
    {"{\"status\":\"ACTIVE\"}", false},
    {"{\"status\":\" active\"}", false},
    {"{\"status\":\"active \"}", false},
    {"{\"status\":\"active\\n\"}", false},
    {"{\"status\":\"activ\"}", false},
    {"{\"status\":\"actives\"}", false},
    {"{\"status\":null}", false},
    {"{\"status\":true}", false},
    {"{\"status\":1}", false},
    {"{\"status\":[\"active\"]}", false},
    {"{\"status\":{\"active\":true}}", false},
    {"{\"Status\":\"active\"}", false},
    {"{\"state\":\"active\",\"active\":true}", false},
};

enum { WINDOW_STATE_COUNT = sizeof window_states / sizeof window_states[0] };

#endif
