#include "base/trust.h"

#include "support/cmocka_all.h"
#include "support/scratch.h"

#include <string.h>
#include <unistd.h>

enum { STRANGER = 4242, PLACE_OWNER = 4243 };

static void ours_roots_and_the_places_owners_are_believed(void **state)
{
    (void)state;
    assert_true(ops_trust_owner(geteuid(), PLACE_OWNER));
    assert_true(ops_trust_owner(0, PLACE_OWNER));
    assert_true(ops_trust_owner(PLACE_OWNER, PLACE_OWNER));
    assert_false(ops_trust_owner(STRANGER, PLACE_OWNER));
}

static void what_is_not_believed_is_told_in_a_clause(void **state)
{
    (void)state;
    char why[OPS_TRUST_WHY_SIZE] = "";
    struct stat thing = {.st_mode = S_IFREG, .st_uid = STRANGER};
    assert_false(ops_trust(&thing, PLACE_OWNER, why));
    assert_string_equal(why, "it belongs to another user (uid 4242)");
    thing = (struct stat){.st_mode = S_IFLNK, .st_uid = geteuid()};
    assert_false(ops_trust(&thing, PLACE_OWNER, why));
    assert_string_equal(why, "it is a symbolic link, and links are not followed");
    thing = (struct stat){.st_mode = S_IFSOCK, .st_uid = PLACE_OWNER};
    assert_true(ops_trust(&thing, PLACE_OWNER, why));
}

static void a_place_is_the_directory_that_a_path_is_in(void **state)
{
    (void)state;
    char directory[SCRATCH_SIZE];
    scratch_make(directory);
    assert_int_equal(ops_trust_place_owner(scratch_path(directory, "file")), geteuid());
    assert_int_equal(ops_trust_place_owner("/anything"), 0);
    assert_int_equal(ops_trust_place_owner("/nowhere/at/all"), geteuid());
    scratch_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ours_roots_and_the_places_owners_are_believed),
        cmocka_unit_test(what_is_not_believed_is_told_in_a_clause),
        cmocka_unit_test(a_place_is_the_directory_that_a_path_is_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
