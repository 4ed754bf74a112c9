/* A directory for one test, below $TMPDIR or /tmp, removed with everything in it. */
#ifndef OPS_TESTS_SCRATCH_H
#define OPS_TESTS_SCRATCH_H

enum { SCRATCH_SIZE = 256 };

/* Makes the directory, or ends the test program. */
void scratch_make(char ret_path[static SCRATCH_SIZE]);
void scratch_remove(const char *path);

/* "<directory>/<name>" in a static buffer of this thread, valid until the fourth call after it. */
const char *scratch_path(const char *directory, const char *name);

/* Writes the file anew, or ends the test program. */
void scratch_write(const char *path, const char *text);

#endif
