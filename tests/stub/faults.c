#include "stub/faults.h"

#include <stdio.h>

#define STUB_OF(service) (1u << STUB_##service)
#define STUB_OF_ALL ((1u << STUB_SERVICE_COUNT) - 1)

static const struct kind {
    const char *name;
    unsigned services;
    const char *operations;
    bool done;
} kinds[] = {
#define X(symbol, name, services, operations, done) {name, services, operations, done},
    STUB_FAULT_TABLE(X)
#undef X
};

const char *stub_service_name(enum stub_service service)
{
    static const char *const names[] = {"dynamodb", "s3", "logs", "sts"};
    return names[service];
}

const char *stub_fault_name(enum stub_fault fault)
{
    return kinds[fault].name;
}

/* ---- Rules as they are posted ---- */

static bool read_text(const json_t *value, void *ret_text)
{
    if (!json_is_string(value) || json_string_length(value) >= STUB_RULE_TEXT_SIZE)
        return false;
    (void)snprintf(ret_text, STUB_RULE_TEXT_SIZE, "%s", json_string_value(value));
    return true;
}

static bool read_fault(const json_t *value, void *ret_fault)
{
    for (int i = 0; i < STUB_FAULT_COUNT; i++)
        if (json_is_string(value) && strcmp(json_string_value(value), kinds[i].name) == 0) {
            *(enum stub_fault *)ret_fault = (enum stub_fault)i;
            return true;
        }
    return false;
}

static bool read_service(const json_t *value, void *ret_services)
{
    const char *name = json_is_string(value) ? json_string_value(value) : "";
    unsigned services = strcmp(name, "*") == 0 ? STUB_OF_ALL : 0;
    for (int i = 0; i < STUB_SERVICE_COUNT; i++)
        if (strcmp(name, stub_service_name((enum stub_service)i)) == 0)
            services = 1u << i;
    *(unsigned *)ret_services = services;
    return services != 0;
}

static bool read_count(const json_t *value, void *ret_count)
{
    *(uint64_t *)ret_count = (uint64_t)json_integer_value(value);
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool read_number(const json_t *value, void *ret_number)
{
    *(int64_t *)ret_number = json_integer_value(value);
    return json_is_integer(value);
}

static bool read_times(const json_t *value, void *ret_times)
{
    *(int64_t *)ret_times = json_is_null(value) ? -1 : json_integer_value(value);
    return json_is_null(value) || (json_is_integer(value) && json_integer_value(value) >= 0);
}

static bool read_part(const json_t *value, void *ret_part)
{
    double part = json_number_value(value);
    *(double *)ret_part = part;
    return json_is_number(value) && part >= 0 && part <= 1;
}

static bool read_flag(const json_t *value, void *ret_flag)
{
    *(bool *)ret_flag = json_is_true(value);
    return json_is_boolean(value);
}

static const struct field {
    const char *name;
    bool (*read)(const json_t *value, void *ret_field);
    size_t offset;
} fields[] = {
    {"fault", read_fault, offsetof(struct stub_rule, fault)},
    {"service", read_service, offsetof(struct stub_rule, services)},
    {"operation", read_text, offsetof(struct stub_rule, operation)},
    {"containing", read_text, offsetof(struct stub_rule, containing)},
    {"skip", read_count, offsetof(struct stub_rule, skip)},
    {"every", read_count, offsetof(struct stub_rule, every)},
    {"probability", read_part, offsetof(struct stub_rule, probability)},
    {"seed", read_count, offsetof(struct stub_rule, random)},
    {"over_per_second", read_count, offsetof(struct stub_rule, over_per_second)},
    {"times", read_times, offsetof(struct stub_rule, times)},
    {"done", read_flag, offsetof(struct stub_rule, done)},
    {"share", read_part, offsetof(struct stub_rule, share)},
    {"code", read_text, offsetof(struct stub_rule, code)},
    {"delay_ms", read_count, offsetof(struct stub_rule, delay_ms)},
    {"offset_seconds", read_number, offsetof(struct stub_rule, offset_seconds)},
};

static bool read_member(struct stub_rule *rule, const char *name, const json_t *value)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (strcmp(fields[i].name, name) == 0)
            return fields[i].read(value, (char *)rule + fields[i].offset);
    return false;
}

static bool read_rule(const json_t *json, struct stub_rule *ret_rule, struct ops_buf *ret_problem)
{
    struct stub_rule rule = {.operation = "*", .every = 1, .probability = 1, .times = -1, .share = 0.5, .delay_ms = 1000};
    if (!read_fault(json_object_get(json, "fault"), &rule.fault)) {
        ops_buf_append_text(ret_problem, "fault is no known kind");
        return false;
    }
    const struct kind *kind = &kinds[rule.fault];
    rule.done = kind->done;
    rule.services = kind->services;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, name, value) { /* the macro takes no const */
        if (read_member(&rule, name, value) && rule.every)
            continue;
        ops_buf_append_format(ret_problem, "%s is no field of a rule, or has a wrong value", name);
        return false;
    }
    rule.services &= kind->services;
    *ret_rule = rule;
    return true;
}

bool stub_faults_set(struct stub_faults *faults, const json_t *list, struct ops_buf *ret_problem)
{
    struct stub_rule rules[STUB_RULES_MAX];
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > STUB_RULES_MAX) {
        ops_buf_append_format(ret_problem, "faults are a list of at most %d rules", STUB_RULES_MAX);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        if (!read_rule(json_array_get(list, i), &rules[i], ret_problem))
            return false;
    if (count)
        memcpy(faults->rules, rules, count * sizeof rules[0]);
    faults->rule_count = count;
    faults->expired_count = 0;
    return true;
}

/* ---- Drawing ---- */

/* SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators"): any seed will do, also 0. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static bool has_word(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = words; (at = strstr(at, word)); at += length)
        if ((at == words || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

static bool holds(struct ops_view text, const char *part)
{
    return text.length && memmem(text.data, text.length, part, strlen(part));
}

static bool concerns(const struct stub_rule *rule, enum stub_service service, const char *operation,
                     const struct stub_request *request)
{
    const char *only = kinds[rule->fault].operations;
    if (rule->fault == STUB_FAULT_CLOCK_SKEW || !(rule->services >> service & 1))
        return false;
    if ((only && !has_word(only, operation)) ||
        (strcmp(rule->operation, "*") != 0 && strcmp(rule->operation, operation) != 0))
        return false;
    return !rule->containing[0] || holds(request->path, rule->containing) || holds(request->query, rule->containing) ||
           holds(request->body, rule->containing);
}

static bool is_over(struct stub_rule *rule)
{
    if (!rule->over_per_second)
        return true;
    int64_t second = stub_now_ms() / 1000;
    if (second != rule->second)
        rule->in_second = 0;
    rule->second = second;
    return ++rule->in_second > rule->over_per_second;
}

static bool strikes(struct stub_rule *rule)
{
    uint64_t seen = rule->seen++;
    if (seen < rule->skip || (rule->times >= 0 && rule->hits >= (uint64_t)rule->times))
        return false;
    if ((seen - rule->skip + 1) % rule->every != 0 || !is_over(rule))
        return false;
    return rule->probability >= 1 || (double)(next_random(&rule->random) >> 11) * 0x1p-53 < rule->probability;
}

struct stub_rule *stub_faults_draw(struct stub_faults *faults, enum stub_service service, const char *operation,
                                   const struct stub_request *request)
{
    for (size_t i = 0; i < faults->rule_count; i++) {
        struct stub_rule *rule = &faults->rules[i];
        if (!concerns(rule, service, operation, request) || !strikes(rule))
            continue;
        rule->hits++;
        faults->counts[rule->fault]++;
        return rule;
    }
    return NULL;
}

struct stub_hit stub_rule_hit(struct stub_rule *rule, enum stub_fault fault, size_t count)
{
    struct stub_hit hit = {.count = count};
    if (!rule || rule->fault != fault || !count)
        return hit;
    hit.first = (size_t)(next_random(&rule->random) % count);
    hit.hit_count = (size_t)((double)count * rule->share);
    if (!hit.hit_count)
        hit.hit_count = 1;
    return hit;
}

/* ---- Who signs, and when ---- */

/* FNV-1a. */
static uint64_t mixed(uint64_t hash, struct ops_view text)
{
    for (size_t i = 0; i < text.length; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * UINT64_C(0x100000001b3);
    return hash;
}

uint64_t stub_faults_identity(const struct stub_request *request)
{
    struct ops_view authorization = stub_request_header(request, "authorization");
    static const char credential[] = "Credential=";
    const char *key =
        authorization.length ? memmem(authorization.data, authorization.length, credential, sizeof credential - 1) : NULL;
    struct ops_view id = ops_view("", 0);
    if (key) {
        key += sizeof credential - 1;
        size_t left = authorization.length - (size_t)(key - authorization.data);
        const char *end = memchr(key, '/', left);
        id = ops_view(key, end ? (size_t)(end - key) : left);
    }
    uint64_t hash = mixed(UINT64_C(0xcbf29ce484222325), id);
    return mixed(hash, stub_request_header(request, "x-amz-security-token"));
}

bool stub_faults_is_expired(const struct stub_faults *faults, uint64_t identity)
{
    for (size_t i = 0; i < faults->expired_count; i++)
        if (faults->expired[i] == identity)
            return true;
    return false;
}

void stub_faults_expire(struct stub_faults *faults, uint64_t identity)
{
    if (faults->expired_count < STUB_EXPIRED_MAX && !stub_faults_is_expired(faults, identity))
        faults->expired[faults->expired_count++] = identity;
}

const struct stub_rule *stub_faults_skew(const struct stub_faults *faults, enum stub_service service)
{
    for (size_t i = 0; i < faults->rule_count; i++)
        if (faults->rules[i].fault == STUB_FAULT_CLOCK_SKEW && faults->rules[i].services >> service & 1)
            return &faults->rules[i];
    return NULL;
}
