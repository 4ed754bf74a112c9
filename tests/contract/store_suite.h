/* What every record store must do: the promises of ports/store.h, one case each. */
#ifndef OPS_TESTS_STORE_SUITE_H
#define OPS_TESTS_STORE_SUITE_H

#include "ports/store.h"

struct store_suite_source {
    struct ops_store *(*open)(void);        /* an empty store */
    void (*close)(struct ops_store *store); /* releases it and what it leaves behind */
};

/* Runs every case on a store of its own; the number of cases that failed. */
int store_suite_run(const char *name, const struct store_suite_source *source);

#endif
