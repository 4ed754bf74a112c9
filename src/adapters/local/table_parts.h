/* What the files of a table target share. Private to this folder.
 *
 *   table.c            opening and closing
 *   table_file.c       which file is meant, and which are refused
 *   table_schema.c     which table and columns are meant, and which are refused
 *   table_virtual.c    what a virtual table is
 *   table_dependents.c what else a delete is about
 *   table_fts.c        full-text indexes of the records
 *   table_rights.c     whether the file can be changed at all
 *   table_scope.c      what a value is to the scope
 *   table_statements.c the SQL, and running it
 *   table_costs.c      what the schema computes, and how large a value may be
 *   table_printf.c     printf, where the schema calls it
 *   table_watch.c      how long a statement may take
 *   table_id.c         the ids of records, and the values in them
 *   table_cursor.c     cursors, receipts and recounts
 *   table_page.c       pages
 *   table_remove.c     removals
 */
#ifndef OPS_ADAPTERS_LOCAL_TABLE_PARTS_H
#define OPS_ADAPTERS_LOCAL_TABLE_PARTS_H

#include "adapters/local/table_schema.h"

#include <stdatomic.h>
#include <string.h>

/* A page is a transaction of its own, and a transaction costs two or three waits for the disk and one write of every page of
 * the key's index that it touches: large pages are what makes a vacuum quick. 50000 keys take about 5 MiB. */
enum {
    LOCAL_TABLE_PAGE_MAX = 50000,
    LOCAL_TABLE_SQL_MAX_BYTES = 64 * 1024,
    LOCAL_TABLE_ID_MAX_BYTES = 8 * 1024 * 1024,
};

/* How long things may take, by the monotonic clock. A walk over a table ends its page after a while, so that neither the
 * application's writers nor our own lease wait for it. Where there are no rowids it goes on for longer: to find its place
 * again it has to trust the order, and a look that finds nothing should not have to. */
enum {
    LOCAL_STATEMENT_MAX_MS = OPS_REMOVE_MAX_MS, /* without giving a record */
    LOCAL_PAGE_MAX_MS = 5 * 1000,
    LOCAL_ORDERED_PAGE_MAX_MS = 20 * 1000,
    LOCAL_ENDING_MAX_MS = 2 * 1000, /* from when g3nops ends */
};

/* The places of parameters, the same in all statements. */
enum {
    LOCAL_PARAM_FIRST = 1, /* rowid */
    LOCAL_PARAM_LAST,      /* rowid */
    LOCAL_PARAM_KEY = 10,
    LOCAL_PARAM_UPTO_KEY = 20,
};

enum local_table_statement {
    LOCAL_TABLE_BEGIN,
    LOCAL_TABLE_BEGIN_IMMEDIATE,
    LOCAL_TABLE_COMMIT,
    LOCAL_TABLE_ROLLBACK,
    LOCAL_TABLE_VERSION,
    LOCAL_TABLE_SCHEMA,
    LOCAL_TABLE_PAGE,
    LOCAL_TABLE_PAGE_AFTER,
    LOCAL_TABLE_COUNT,
    LOCAL_TABLE_COUNT_AFTER,
    LOCAL_TABLE_DELETE_RANGE,
    LOCAL_TABLE_DELETE_ROW,
    LOCAL_TABLE_DELETE_KEY,
    LOCAL_TABLE_STATEMENTS
};

/* What a scope compares with. */
struct local_scope {
    enum ops_scope_by by;
    bool ignore_incomparable;
    char *attribute; /* ATTRIBUTE, INDEX */
    char *value;     /* NULL for ALL */
    size_t value_length;
    /* What value is as a number: base/number_text.h has the rule. An integer and a real of one text may be different
     * numbers, since a real has its shortest text. */
    bool is_number;
    bool has_integer;
    bool has_real;
    sqlite3_int64 integer;
    double real;
};

/* Of what is asked of the table right now. */
struct local_watch {
    const atomic_bool *ending; /* the catalogue's */
    int64_t most_ms;           /* LOCAL_STATEMENT_MAX_MS */
    int64_t until_ms;
    int64_t page_until_ms; /* the time for one page; INT64_MAX: what is under way is none */
    bool rests;            /* nothing is stopped */
    bool hurried;          /* g3nops ends */
    bool fired;            /* the statement was stopped */
    bool page_is_over;
};

/* Where a page has come to, and what is there to the scope. SQLite walks past most records without giving them. */
struct local_visit {
    sqlite3_int64 rowid;
    bool any;
    int standing;
    bool disordered;
};

struct local_table {
    struct ops_target target;
    struct local_table_schema schema;
    struct local_file_id file_id;
    sqlite3 *db;
    sqlite3 *printf_db; /* NULL: the schema does not call printf */
    sqlite3_stmt *statements[LOCAL_TABLE_STATEMENTS];
    struct local_scope scope;
    bool is_wal;      /* it has a write-ahead log instead of a journal */
    bool has_removed; /* so another walk follows this one */
    bool costly;      /* the schema calls functions that may take long */
    struct local_watch watch;
    bool visits; /* SQLite walks along the rowids, and tells of each record that it comes to */
    struct local_visit visit;
    struct ops_buf last_id;  /* of the last record that was read, where that is no key of the page; else empty */
    struct ops_buf order[2]; /* ids of the record at hand and of the one before, to see that they are in order */

    /* What remove needs to know about the page that was read last. */
    uint32_t page_serial;
    sqlite3_int64 page_version; /* SQLite's data_version when it was read */
    sqlite3_int64 page_schema;  /* its schema_version, which VACUUM changes too */
};

/* The status for the connection's last failure, result being its SQLite result code, with its sentence. */
enum ops_status local_table_fail(struct local_table *table, int result, struct ops_error *error) OPS_MUST_USE;

/* ---- table_scope.c ---- */

/* What a record is to the scope, by the value that the scope compares. What is incomparable is of one of several kinds, each
 * with its words. */
enum local_standing { LOCAL_OUTSIDE, LOCAL_INSIDE, LOCAL_INCOMPARABLE };

enum ops_status local_scope_copy(struct local_scope *ret_scope, const struct ops_scope *scope) OPS_MUST_USE;
void local_scope_release(struct local_scope *scope);

/* Whether the page tells of records that can't be compared. */
bool local_scope_tells(const struct local_scope *scope);

/* Makes LOCAL_STANDING(value) known to the connection: 0, 1, or LOCAL_INCOMPARABLE and more. LOCAL_STANDING(value, rowid)
 * notes the visit as well. */
#define LOCAL_STANDING "g3nops_standing"
int local_scope_register(struct local_table *table);

/* Why a record of that standing can't be compared, into reason. */
void local_scope_reason(const struct local_table *table, int standing, char reason[static OPS_REMARK_REASON_SIZE]);

/* ---- table_statements.c ---- */

/* Prepares all statements; schema and scope are complete. Statuses as local_sql_fail. */
enum ops_status local_table_prepare(struct local_table *table, struct ops_error *error) OPS_MUST_USE;

/* Runs a prepared statement to its end; the integer in its last row's first column, if there is one. ret_value and error may
 * be NULL. */
enum ops_status local_table_run(struct local_table *table, enum local_table_statement which, sqlite3_int64 *ret_value,
                                struct ops_error *error);

void local_table_roll_back(struct local_table *table); /* also when no transaction is open */

/* ---- table_costs.c ---- */

/* How large a value may be, by what the prepared statements compute. OPS_TARGET_ERROR: more than can be allowed. */
enum ops_status local_costs_limit(struct local_table *table, struct ops_error *error) OPS_MUST_USE;

/* ---- table_printf.c ---- */

/* From now on a text of printf that is too large is an error to the connection. An SQLite result code. */
int local_printf_register(struct local_table *table);

/* ---- table_watch.c ---- */

int64_t local_watch_now_ms(void);

/* From now on what is asked of the connection has LOCAL_STATEMENT_MAX_MS, or LOCAL_ENDING_MAX_MS from when g3nops ends. */
void local_watch_begin(struct local_table *table);
bool local_watch_is_ending(const struct local_watch *watch);

/* The status and the sentence for a statement that the watch stopped. */
enum ops_status local_watch_fail(const struct local_table *table, struct ops_error *error) OPS_MUST_USE;

/* ---- table_rights.c ---- */

enum { LOCAL_TROUBLE_SIZE = OPS_REMARK_REASON_SIZE };

/* Why SQLite can't change the file, as a clause, into trouble; false: nothing speaks against it. */
bool local_table_trouble(const struct local_table *table, char trouble[static LOCAL_TROUBLE_SIZE]);

/* Begins the transaction of a change, in the file that was opened. On failure none is open, and trouble says why the file
 * can't be changed at all, where that is the reason, or is "". */
enum ops_status local_table_begin_write(struct local_table *table, char trouble[static LOCAL_TROUBLE_SIZE],
                                        struct ops_error *error) OPS_MUST_USE;

/* ---- table_fts.c ---- */

enum ops_status local_index_prepare(struct local_table *table, struct ops_error *error) OPS_MUST_USE;

/* At the end of a walk: makes those indexes anew that differ from the table. */
enum ops_status local_index_settle(struct local_table *table, struct ops_error *error) OPS_MUST_USE;

/* ---- table_id.c ---- */

/* How a record's id begins; then its key columns follow, and what else the guard looks at, each as a type letter, a length
 * and its bytes (as ops_key_next_guarded has it). */
struct local_id_head {
    sqlite3_int64 rowid;
    uint32_t page_serial;
    uint32_t position;
};

/* One value of a key column: 'n', 'i' and 'r' (as decimal text), 't' or 'b'. */
struct local_value {
    char type;
    struct ops_view bytes;
};

/* Here because a removal looks at every record's. */
static inline struct local_id_head local_id_head(struct ops_view id)
{
    struct local_id_head head;
    memcpy(&head, id.data, sizeof head);
    return head;
}

/* The value at *offset of an id, the first being behind its head; moves on to the next. */
struct local_value local_id_value(struct ops_view id, size_t *offset);

/* An SQLite result code. bytes stays where it is until the statement has run. Numbers' bytes end in something that is no
 * digit. */
int local_value_bind(sqlite3_stmt *statement, int param, struct local_value value);

/* Binds all values of an id, from LOCAL_PARAM_KEY on; an SQLite result code. */
int local_id_bind(const struct local_table *table, sqlite3_stmt *statement, struct ops_view id);

/* Whether the bytes that the row will take are left, so that a full page ends before it rather than failing in it. */
bool local_id_fits(const struct local_table *table, sqlite3_stmt *row, const struct ops_key_page *page);

/* Adds the row's id to ids; the caller asks whether it went well. Gives the length of the first key column's bytes, which
 * the guard looks at. */
size_t local_id_append(const struct local_table *table, sqlite3_stmt *row, uint32_t position, struct ops_buf *ids);

/* Likewise to the page's storage; false when it does not fit any more. key is the page's last. When the page is complete,
 * local_id_set_views sets the views of all. */
bool local_id_append_key(const struct local_table *table, sqlite3_stmt *row, struct ops_key_page *page, struct ops_key *key);
void local_id_set_views(struct ops_key_page *page);

/* Whether a record of that id may come before the other where records are in the order of their keys' bytes; also where both
 * are alike, as far as can be told. */
bool local_id_may_precede(const struct local_table *table, struct ops_view id, struct ops_view next);

/* A remark about the record of this id, by the values of its key columns. */
void local_id_remark(const struct local_table *table, enum ops_remark_kind kind, struct ops_view id, const char *reason);

/* ---- table_cursor.c ---- */

/* Chooses the statement and binds where the page starts. OPS_TARGET_ERROR: the cursor is not one of this table. */
enum ops_status local_cursor_bind(struct local_table *table, const char *cursor, sqlite3_stmt **ret_rows,
                                  struct ops_error *error) OPS_MUST_USE;

/* Fills page->cursor, or sets page->last when nothing can follow. */
enum ops_status local_cursor_write(const struct local_table *table, struct ops_key_page *page,
                                   struct ops_error *error) OPS_MUST_USE;

/* OPS_TARGET_ERROR when the table's records, which are known by their rowids alone, may have other ones by now than they had
 * when the schema was that version. Any other table: OPS_OK. */
enum ops_status local_rowids_check(struct local_table *table, sqlite3_int64 schema_version,
                                   struct ops_error *error) OPS_MUST_USE;

/* Fills page->receipt; cursor is what the page was read from. */
enum ops_status local_receipt_write(const struct local_table *table, const char *cursor, struct ops_key_page *page,
                                    struct ops_error *error) OPS_MUST_USE;

/* ---- table_page.c ---- */

/* Reads the first records as a page would, as far as that is quick: whether they can be read. */
enum ops_status local_table_sample(struct local_table *table, struct ops_error *error) OPS_MUST_USE;

/* ---- The slots of the port ---- */

enum ops_status local_table_page(struct ops_target *self, uint32_t segment, const char *cursor, size_t limit,
                                 struct ops_key_page *ret_page, struct ops_error *error);
enum ops_status local_table_remove(struct ops_target *self, const struct ops_key *keys, size_t count,
                                   enum ops_removal *ret_outcomes, struct ops_error *error);
enum ops_status local_table_recount(struct ops_target *self, uint32_t segment, const char *receipt_text,
                                    struct ops_recount *ret_there, struct ops_error *error);

#endif
