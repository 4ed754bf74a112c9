/* Manifests in tests are written with ' in place of ", to be readable in C. */
#ifndef OPS_TESTS_MANIFEST_TEXT_H
#define OPS_TESTS_MANIFEST_TEXT_H

#include "core/manifest.h"

/* The JSON object that text is, or a failed test. */
json_t *manifest_text_json(const char *text);

/* The manifest that text is, or a failed test. */
void manifest_text_init(struct ops_manifest *manifest, const char *text);

#endif
