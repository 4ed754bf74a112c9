/* What every hasher must do: the promises of ports/hasher.h. */
#ifndef OPS_TESTS_HASHER_SUITE_H
#define OPS_TESTS_HASHER_SUITE_H

#include "ports/hasher.h"

/* The number of cases that failed. prefix is what its PHC strings begin with. */
int hasher_suite_run(const char *name, struct ops_hasher *hasher, const char *prefix);

#endif
