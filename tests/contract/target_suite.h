/* The contract of ports/target.h and ports/catalogue.h, run on any adapter and kind. */
#ifndef OPS_TESTS_TARGET_SUITE_H
#define OPS_TESTS_TARGET_SUITE_H

#include "ports/catalogue.h"

/* What a test program supplies: a catalogue in which one resource, "things", exists and is empty, and ways to fill it that
 * go round the port. */
struct target_rig {
    struct ops_target_spec spec;
    struct ops_target_spec missing;
    bool has_attributes; /* scopes attribute and index */
    bool has_keys;       /* scopes key_prefix and key */
    void (*begin)(void);
    void (*end)(void);
    struct ops_catalogue *(*catalogue)(void);
    void (*put)(const char *key, const char *orgcode); /* a record or object of 7 bytes */
    bool (*exists)(const char *key);
    /* A reading that goes on behind what was removed meanwhile leaves out records, for the server's own reasons; a new
     * reading finds them. The cases that do so are left out. */
    bool loses_its_place;
    bool lists_itself; /* false when the resource lies where the catalogue does not look */
};

/* Runs the whole suite; the number of failures. */
int target_suite_run(const char *name, const struct target_rig *rig);

#endif
