#include "fuzz/fuzz.h"

#include "core/plan.h"

/* What a sound manifest must promise for each vacuum: nothing that is protected is planned to be touched, and each target
 * reads back as what it was. */
static void check_plan(const struct ops_manifest *manifest, enum ops_vacuum_type type, const char *orgcode)
{
    json_t *targets = NULL;
    FUZZ_MUST(ops_plan_make(manifest, type, orgcode, &targets) == OPS_OK);
    size_t i;
    json_t *target;
    json_array_foreach(targets, i, target) {
        struct ops_target_spec spec;
        struct ops_scope scope;
        if (strcmp(ops_json_text(target, "status", ""), "pending") != 0)
            continue;
        FUZZ_MUST(ops_plan_target_read(target, &spec, &scope) == OPS_OK);
        FUZZ_MUST(!ops_guard_resource(&manifest->guard, spec.kind, spec.name));
        FUZZ_MUST((scope.by == OPS_SCOPE_ALL) == (type == OPS_VACUUM_ALL));
        if (scope.by == OPS_SCOPE_KEY_PREFIX)
            FUZZ_MUST(!ops_view_starts_with(ops_view_of("acme2/x"), ops_view_of(scope.value)));
    }
    char sha256[OPS_SHA256_HEX_SIZE];
    FUZZ_MUST(ops_plan_sha256(type, orgcode, NULL, targets, sha256) == OPS_OK);
    json_decref(targets);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    json_t *document = NULL;
    struct ops_manifest manifest;
    struct ops_buf problems;
    ops_buf_init(&problems, 64 * 1024);
    if (ops_json_parse_object(fuzz_view(bytes, count), &document, NULL) == OPS_OK) {
        if (ops_manifest_init(&manifest, document, &problems) == OPS_OK) {
            check_plan(&manifest, OPS_VACUUM_ALL, NULL);
            check_plan(&manifest, OPS_VACUUM_ORG, "acme");
            ops_manifest_release(&manifest);
        } else {
            FUZZ_MUST(problems.length > 0);
        }
    }
    ops_buf_release(&problems);
    json_decref(document);
    return 0;
}
