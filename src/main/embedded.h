/* What the build puts into the program: its name, the sample stack's manifest, the OpenAPI file. */
#ifndef OPS_MAIN_EMBEDDED_H
#define OPS_MAIN_EMBEDDED_H

#include "app/app.h"

const struct ops_build *ops_embedded_build(void);
struct ops_view ops_embedded_manifest(void); /* share/manifest.json */
struct ops_view ops_embedded_openapi(void);  /* docs/openapi.yaml */

#endif
