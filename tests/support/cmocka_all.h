/* cmocka asks that these come before it. */
#ifndef OPS_TESTS_CMOCKA_ALL_H
#define OPS_TESTS_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
