/* Documents as DynamoDB items: every member is a native attribute beside the key attributes pk and sk, so that whoever may
 * read the table reads a record's members by their names. Private to this folder.
 *
 * Source: Amazon DynamoDB Developer Guide, "Supported data types and naming rules"; API Reference, "AttributeValue". A
 * string is S, an integer N, a boolean BOOL, null NULL, an array L, an object M. Binary values and sets are nothing that a
 * document can hold.
 */
#ifndef OPS_ADAPTERS_AWS_ITEM_H
#define OPS_ADAPTERS_AWS_ITEM_H

#include "base/error.h"
#include "base/view.h"

#include <jansson.h>

/* "Constraints in Amazon DynamoDB": attributes may be nested up to 32 levels deep. */
enum { OPS_AWS_ITEM_DEPTH_MAX = 32 };

/* Reads the text of an answer, which must be a JSON object. Unlike ops_json_parse_object it takes what an item may hold:
 * strings with NUL characters, and as much nesting as DynamoDB allows. OPS_CORRUPT. */
enum ops_status ops_aws_item_parse(struct ops_view text, json_t **ret_object) OPS_MUST_USE;

/* {"S": text}. OPS_INTERNAL_ERROR: text is not UTF-8, and so can't be in a table. */
enum ops_status ops_aws_item_text(const char *text, json_t **ret_attribute) OPS_MUST_USE;

/* {"pk": {"S": pk}, "sk": {"S": sk}}. OPS_INTERNAL_ERROR as above. */
enum ops_status ops_aws_item_key(const char *pk, const char *sk, json_t **ret_key) OPS_MUST_USE;

/* One value. What it holds is shared with the attribute. OPS_LIMIT: nested too deeply. OPS_INTERNAL_ERROR: a real. */
enum ops_status ops_aws_item_write_value(json_t *value, json_t **ret_attribute) OPS_MUST_USE;

/* A document under its key. OPS_INTERNAL_ERROR: also when a member is called pk or sk. */
enum ops_status ops_aws_item_write(const char *pk, const char *sk, json_t *doc, json_t **ret_item) OPS_MUST_USE;

/* One value again. OPS_CORRUPT: another type, a number that is no integer of 64 bits, no attribute value at all. */
enum ops_status ops_aws_item_read_value(json_t *attribute, json_t **ret_value) OPS_MUST_USE;

/* All attributes of an item as members of an object. OPS_CORRUPT. */
enum ops_status ops_aws_item_read_members(json_t *item, json_t **ret_object) OPS_MUST_USE;

/* A document without its key, and its sk, which is borrowed from item. OPS_CORRUPT. */
enum ops_status ops_aws_item_read(json_t *item, json_t **ret_doc, const char **ret_sk) OPS_MUST_USE;

#endif
