#include "support/local_rig.h"

#include "adapters/local/catalogue.h"
#include "core/guard.h"
#include "support/cmocka_all.h"
#include "support/scratch.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NOBODY = 65534, PASSES_MAX = 5, PAGE_STORAGE = 1 << 20 };

const struct ops_target_spec local_things = {.kind = OPS_BUCKET, .name = "things"};
const struct ops_target_spec *local_tables;
size_t local_table_count;
const struct ops_target_spec local_group = {.kind = OPS_LOG_GROUP, .name = "/stack/api"};
const struct ops_scope local_all = {.by = OPS_SCOPE_ALL};

static char data[SCRATCH_SIZE];
static struct ops_catalogue *catalogue;
static struct local_tally tallies[2]; /* of the last dry run and the last vacuum */

/* ---- System calls that a test decides ---- */

struct local_fault local_fault;

static size_t removals, crash_at;

size_t local_removals(void)
{
    return removals;
}

/* From the crash on nothing is done any more, as for a process that is dead. */
static bool is_dead(void)
{
    return crash_at > 0 && removals >= crash_at;
}

static bool removal_happens(void)
{
    if (!is_dead())
        removals++;
    if (!is_dead())
        return true;
    errno = EIO;
    return false;
}

int unlinkat(int fd, const char *name, int flags)
{
    return removal_happens() ? (int)syscall(SYS_unlinkat, fd, name, flags) : -1;
}

int ftruncate(int fd, off_t length)
{
    return removal_happens() ? (int)syscall(SYS_ftruncate, fd, length) : -1;
}

/* What is at a descriptor by its path: the name of a directory that is to be listed. */
static bool is_called(int fd, const char *name)
{
    char path[64], target[PATH_MAX] = "";
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (readlink(path, target, sizeof target - 1) < 0 || !strrchr(target, '/'))
        return false;
    return strcmp(strrchr(target, '/') + 1, name) == 0;
}

static bool opening_fails(const char *name)
{
    if (local_fault.number == 0 || local_fault.everywhere)
        return local_fault.number != 0;
    return !local_fault.at_listing && strcmp(name, local_fault.name) == 0;
}

static char opened[16384]; /* each name with a slash before and behind it; what does not fit is left out */

static void note_opened(const char *name)
{
    size_t length = strlen(opened);
    (void)snprintf(opened + length, sizeof opened - length, "/%s/", name);
}

bool local_was_opened(const char *name)
{
    char wanted[NAME_MAX + 3];
    (void)snprintf(wanted, sizeof wanted, "/%s/", name);
    return strstr(opened, wanted);
}

int openat(int fd, const char *name, int flags, ...)
{
    note_opened(name);
    if (!opening_fails(name))
        return (int)syscall(SYS_openat, fd, name, flags, 0600);
    errno = local_fault.number;
    return -1;
}

DIR *fdopendir(int fd)
{
    static DIR *(*really)(int);
    if (!really)
        *(void **)&really = dlsym(RTLD_NEXT, "fdopendir");
    if (local_fault.number == 0 || !local_fault.at_listing || !is_called(fd, local_fault.name))
        return really(fd);
    errno = local_fault.number;
    return NULL;
}

void (*local_on_lease)(void);

int fcntl(int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    long argument = va_arg(arguments, long);
    va_end(arguments);
    int result = (int)syscall(SYS_fcntl, fd, command, argument);
    if (command == F_SETLEASE && argument == F_RDLCK && result == 0 && local_on_lease)
        local_on_lease();
    return result;
}

/* ---- Where it all is ---- */

int local_rig_setup(void **state)
{
    (void)state;
    opened[0] = '\0';
    scratch_make(data);
    if (local_is_root())
        assert_int_equal(chown(data, NOBODY, NOBODY), 0);
    assert_int_equal(chmod(data, 0755), 0);
    local_mkdir(local_in_bucket(""));
    local_mkdir(local_in_group(""));
    assert_int_equal(ops_local_catalogue_new(data, &catalogue, NULL), OPS_OK);
    return 0;
}

/* Also what a failed test has left behind. */
static void unmount_everything(void)
{
    char line[2 * PATH_MAX], at[PATH_MAX], found[PATH_MAX];
    do {
        FILE *mounts = fopen("/proc/self/mounts", "r");
        found[0] = '\0';
        while (mounts && fgets(line, sizeof line, mounts))
            if (sscanf(line, "%*s %4095s", at) == 1 && strncmp(at, data, strlen(data)) == 0)
                memcpy(found, at, sizeof found);
        if (mounts)
            (void)fclose(mounts);
    } while (found[0] && umount2(found, MNT_DETACH) == 0);
}

/* Whoever is not root can't remove what has no rights. */
static int give_rights(const char *path, const struct stat *found, int type, struct FTW *place)
{
    (void)place;
    if (S_ISDIR(found->st_mode))
        (void)chmod(path, 0700); /* if that is refused, the removal says so */
    return type == FTW_NS;
}

int local_rig_teardown(void **state)
{
    local_tables = NULL;
    local_table_count = 0;
    (void)state;
    local_fault = (struct local_fault){.number = 0};
    local_on_lease = NULL;
    crash_at = 0;
    local_regain_rights();
    unmount_everything();
    for (size_t i = 0; i < sizeof tallies / sizeof tallies[0]; i++)
        ops_error_release(&tallies[i].error);
    ops_catalogue_release(catalogue);
    if (!local_is_root())
        (void)nftw(data, give_rights, 16, FTW_PHYS);
    scratch_remove(data);
    return 0;
}

struct ops_catalogue *local_rig_catalogue(void)
{
    return catalogue;
}

const char *local_in_data(const char *path)
{
    return scratch_path(data, path);
}

const char *local_in_bucket(const char *key)
{
    return scratch_path(scratch_path(data, "stack/buckets/things"), key);
}

const char *local_in_group(const char *key)
{
    return scratch_path(scratch_path(data, "stack/log_groups/stack/api"), key);
}

/* Nobody's, whoever runs the test. */
static void hand_over(const char *path)
{
    if (geteuid() == 0)
        assert_int_equal(lchown(path, NOBODY, NOBODY), 0);
}

static void make_up_to(char *path)
{
    for (char *slash = path + strlen(data) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        if (mkdir(path, 0755) == 0)
            hand_over(path);
    }
}

void local_mkdir(const char *path)
{
    char text[PATH_MAX];
    (void)snprintf(text, sizeof text, "%s/", path);
    make_up_to(text);
    assert_int_equal(access(path, F_OK), 0);
}

void local_put(const char *path)
{
    char text[PATH_MAX];
    (void)snprintf(text, sizeof text, "%s", path);
    make_up_to(text);
    scratch_write(path, "7 bytes");
    hand_over(path);
}

bool local_exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

/* ---- Rights and mounts ---- */

bool local_is_root(void)
{
    return getuid() == 0;
}

void local_drop_rights(void)
{
    if (!local_is_root())
        return;
    assert_int_equal(setegid(NOBODY), 0);
    assert_int_equal(seteuid(NOBODY), 0);
}

void local_regain_rights(void)
{
    if (!local_is_root())
        return;
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(setegid(0), 0);
}

bool local_may_mount(void)
{
    static int may = -1;
    if (may < 0)
        may = unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    return may;
}

void local_needs_root(void)
{
    if (local_is_root())
        return;
    print_message("only root can make what this case needs\n");
    skip();
}

void local_needs_mounts(void)
{
    if (local_may_mount())
        return;
    print_message("there is no right to mount here\n");
    skip();
}

void local_bind(const char *what, const char *where)
{
    assert_int_equal(mount(what, where, NULL, MS_BIND, NULL), 0);
}

void local_unmount(const char *where)
{
    assert_int_equal(umount2(where, MNT_DETACH), 0);
}

/* ---- A vacuum ---- */

struct ops_scope local_prefix(const char *prefix)
{
    return (struct ops_scope){.by = OPS_SCOPE_KEY_PREFIX, .value = prefix};
}

struct ops_scope local_exact(const char *key)
{
    return (struct ops_scope){.by = OPS_SCOPE_KEY, .value = key};
}

struct ops_target *local_open(const struct ops_target_spec *spec, struct ops_scope scope)
{
    struct ops_target *target = NULL;
    assert_int_equal(ops_catalogue_open(catalogue, spec, &scope, &target, NULL), OPS_OK);
    assert_int_equal(ops_target_keep(target, local_tables, local_table_count, NULL), OPS_OK);
    return target;
}

/* One run over a target, as a worker has it in hand. */
struct run {
    const struct ops_target_spec *spec;
    struct ops_scope scope;
    size_t page_limit;
    bool removes;
    struct ops_target *target;
    struct ops_key_page page;
    char cursor[OPS_CURSOR_MAX_BYTES + 1];
    struct local_tally *tally;
    size_t left_of_pass; /* of this pass: failed */
    int64_t left_bytes;
    size_t deleted_of_pass;
};

static void reopen(struct run *run)
{
    ops_target_close(run->target);
    run->target = local_open(run->spec, run->scope);
    run->target->remarks = &run->tally->remarks;
}

static bool is_protected(const struct ops_key *key)
{
    return key->kept || ops_view_starts_with(key->guarded, ops_view_of(OPS_PROTECTED_PREFIX));
}

/* Sets the protected keys aside; the sizes of all, and of the others. */
static size_t sort_page(struct run *run, int64_t *ret_all_bytes, int64_t *ret_bytes)
{
    size_t left = 0;
    *ret_all_bytes = *ret_bytes = 0;
    for (size_t i = 0; i < run->page.count; i++) {
        struct ops_key key = run->page.keys[i];
        *ret_all_bytes += key.size_bytes;
        if (is_protected(&key))
            continue;
        *ret_bytes += key.size_bytes;
        run->page.keys[left++] = key;
    }
    return left;
}

static void note_keys(struct run *run)
{
    struct local_tally *tally = run->tally;
    for (size_t i = 0; i < run->page.count; i++) {
        size_t length = strlen(tally->keys);
        (void)snprintf(tally->keys + length, sizeof tally->keys - length, "%.*s;", (int)run->page.keys[i].id.length,
                       run->page.keys[i].id.data);
    }
}

/* What ops_task_settle_lost does. */
static void settle(struct run *run, const char *receipt, size_t matched, size_t protected_count, int64_t all_bytes)
{
    struct ops_recount there = {0, 0};
    struct local_tally *tally = run->tally;
    reopen(run);
    tally->status = ops_target_recount(run->target, 0, receipt, &there, &tally->error);
    if (tally->status != OPS_OK)
        return;
    size_t left = there.count > protected_count ? there.count - protected_count : 0;
    size_t gone = matched > left ? matched - left : 0;
    tally->matched += gone;
    tally->deleted += gone;
    run->deleted_of_pass += gone;
    if (gone > 0 || there.size_bytes < all_bytes)
        tally->bytes += all_bytes - there.size_bytes;
}

/* Of a page of which not every key was surely removed: what the target still finds. */
static bool count_truly(struct run *run, const char *receipt, size_t protected_count, int64_t other_bytes,
                        size_t *ret_failed, int64_t *ret_failed_bytes)
{
    struct ops_recount there = {0, 0};
    run->tally->status = ops_target_recount(run->target, 0, receipt, &there, &run->tally->error);
    *ret_failed = there.count > protected_count ? there.count - protected_count : 0;
    *ret_failed_bytes = there.size_bytes - other_bytes;
    return run->tally->status == OPS_OK;
}

/* Removes what the page has; false after a crash, or where it can't go on. */
static bool remove_page(struct run *run)
{
    static enum ops_removal outcomes[8192];
    struct local_tally *tally = run->tally;
    int64_t all_bytes, bytes;
    size_t total = run->page.count, count = sort_page(run, &all_bytes, &bytes), failed = 0;
    int64_t failed_bytes = 0;
    struct ops_error why = OPS_ERROR_INIT;
    char *receipt = strdup(ops_buf_text(&run->page.receipt));
    if (count > 0)
        assert_int_equal(ops_target_remove(run->target, run->page.keys, count, outcomes, &why), OPS_OK);
    bool died = is_dead();
    if (died) {
        crash_at = 0; /* the next worker lives */
        settle(run, receipt, count, total - count, all_bytes);
    } else {
        bool doubtful = false;
        for (size_t i = 0; i < count; i++)
            doubtful = doubtful || (outcomes[i] != OPS_REMOVED && outcomes[i] != OPS_ABSENT);
        if (why.text[0] && !tally->error.text[0])
            (void)ops_fail(&tally->error, OPS_TARGET_ERROR, "%s", why.text);
        if (!doubtful || count_truly(run, receipt, total - count, all_bytes - bytes, &failed, &failed_bytes)) {
            tally->matched += count;
            tally->deleted += count - failed;
            tally->failed += failed;
            tally->bytes += bytes;
            tally->protected_count += total - count;
            run->deleted_of_pass += count - failed;
            run->left_bytes += failed_bytes;
        }
    }
    ops_error_release(&why);
    free(receipt);
    return !died && tally->status == OPS_OK;
}

static void read_only(struct run *run)
{
    int64_t all_bytes, bytes;
    size_t total = run->page.count, count = sort_page(run, &all_bytes, &bytes);
    run->tally->matched += count;
    run->tally->bytes += bytes;
    run->tally->protected_count += total - count;
}

static void do_pass(struct run *run, int pass)
{
    struct local_tally *tally = run->tally;
    run->cursor[0] = '\0';
    run->deleted_of_pass = 0;
    tally->matched -= tally->failed;
    tally->bytes -= run->left_bytes;
    tally->failed = tally->protected_count = 0;
    run->left_bytes = 0;
    ops_remarks_clear(&tally->remarks);
    for (bool last = false; !last && tally->status == OPS_OK;) {
        struct ops_remarks before = tally->remarks;
        tally->status = ops_target_page(run->target, 0, run->cursor, run->page_limit, &run->page, &tally->error);
        if (tally->status != OPS_OK)
            return;
        if (pass == 0)
            note_keys(run);
        if (run->removes && !remove_page(run)) {
            tally->remarks = before; /* the page is read again */
            continue;
        }
        if (!run->removes)
            read_only(run);
        last = run->page.last;
        (void)snprintf(run->cursor, sizeof run->cursor, "%s", ops_buf_text(&run->page.cursor));
    }
}

static const struct local_tally *carry_out(struct run *run)
{
    ops_error_release(&run->tally->error);
    *run->tally = (struct local_tally){.status = OPS_OK};
    removals = 0;
    ops_key_page_init(&run->page, PAGE_STORAGE);
    reopen(run);
    for (int pass = 0; pass < PASSES_MAX && run->tally->status == OPS_OK; pass++) {
        do_pass(run, pass);
        if (!run->removes || run->deleted_of_pass == 0)
            break;
    }
    ops_key_page_release(&run->page);
    ops_target_close(run->target);
    return run->tally;
}

const struct local_tally *local_dry(const struct ops_target_spec *spec, struct ops_scope scope, size_t page_limit)
{
    struct run run = {.spec = spec, .scope = scope, .page_limit = page_limit, .tally = &tallies[0]};
    return carry_out(&run);
}

const struct local_tally *local_vacuum(const struct ops_target_spec *spec, struct ops_scope scope, size_t page_limit,
                                       size_t dies_at)
{
    struct run run = {.spec = spec, .scope = scope, .page_limit = page_limit, .removes = true, .tally = &tallies[1]};
    crash_at = dies_at;
    return carry_out(&run);
}

bool local_remarked(const struct ops_remarks *remarks, enum ops_remark_kind kind, const char *name, const char *reason)
{
    for (size_t i = 0; i < remarks->count; i++)
        if (remarks->first[i].kind == kind && strcmp(remarks->first[i].name, name) == 0 &&
            strncmp(remarks->first[i].reason, reason, strlen(reason)) == 0)
            return true;
    return false;
}

static char listed[64][OPS_RESOURCE_NAME_MAX + 1];
static size_t listed_count;

static enum ops_status note_listed(void *context, const struct ops_resource *resource)
{
    (void)context;
    assert_true(listed_count < sizeof listed / sizeof listed[0]);
    (void)snprintf(listed[listed_count++], sizeof listed[0], "%s", resource->name);
    return OPS_OK;
}

static int compare_listed(const void *a, const void *b)
{
    return strcmp(a, b);
}

const char *local_listed(enum ops_target_kind kind, enum ops_status *ret_status, struct ops_error *error)
{
    static char names[sizeof listed];
    listed_count = 0;
    names[0] = '\0';
    *ret_status = ops_catalogue_list(catalogue, kind, note_listed, NULL, error);
    qsort(listed, listed_count, sizeof listed[0], compare_listed);
    for (size_t i = 0; i < listed_count; i++)
        (void)strcat(strcat(names, listed[i]), ";");
    return names;
}

const struct ops_findings *local_inspected(const struct ops_target_spec *spec, struct ops_scope scope)
{
    static struct ops_findings findings;
    struct ops_target *target = local_open(spec, scope);
    findings.count = 0;
    assert_int_equal(ops_target_inspect(target, &findings, NULL), OPS_OK);
    ops_target_close(target);
    return &findings;
}

bool local_found_out(const struct ops_findings *findings, bool blocks, const char *text)
{
    for (size_t i = 0; i < findings->count; i++)
        if (findings->list[i].blocks == blocks && strcmp(findings->list[i].text, text) == 0)
            return true;
    return false;
}
