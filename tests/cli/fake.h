/* A service, a terminal and a clock that a test writes the script of. */
#ifndef OPS_TESTS_CLI_FAKE_H
#define OPS_TESTS_CLI_FAKE_H

#include "surfaces/cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

enum { FAKE_ANSWERS_MAX = 128, FAKE_WORDS_MAX = 32 };

#define FAKE_NOW_MS INT64_C(1763955773000) /* 2025-11-24T03:42:53Z */
#define FAKE_SECRET "correct horse battery"

struct fake_answer {
    enum ops_status status; /* OPS_OK: body is the answer */
    int http_status;
    const char *body;
};

struct fake {
    struct ops_http_client http;
    struct ops_terminal terminal;
    struct ops_clock clock;
    struct ops_cli_host host;
    int64_t passed_ms; /* since FAKE_NOW_MS */

    struct fake_answer answers[FAKE_ANSWERS_MAX]; /* the last one is given again and again */
    size_t answer_count;
    size_t exchange_count;
    char *method, *url, *socket_path, *body, *headers; /* of the last request */

    bool in_terminal, out_terminal, err_terminal;
    const char *typed[4]; /* answers to questions */
    size_t asked_count;
    char prompts[1024];
    int pauses_until_interrupt; /* 0: never */
    int pauses_until_narrow;    /* 0: the terminal stays as it is */
    int columns, narrow_columns;
    bool held;

    char words[1024]; /* argv as it is after the run */
    char *out, *err;
};

void fake_init(struct fake *fake);
void fake_release(struct fake *fake);
void fake_answer(struct fake *fake, enum ops_status status, int http_status, const char *body);

/* Runs a command line whose words are separated by single spaces ('~' in a word is a space); fills words, out and err. */
int fake_run(struct fake *fake, const char *line);

void assert_has(const char *text, const char *wanted);
void assert_lacks(const char *text, const char *unwanted);

#endif
