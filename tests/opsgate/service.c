/* A service that is closed during maintenance, as small as it can be: "service SOURCE". It reads a line for each request,
 * "METHOD PATH [ACCEPT]", and writes what it answers. test_gate_library.py compiles it as C99, and as C++.
 */
#include <opsgate.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names that the library uses inside. They are this program's too, and neither must get the other's. */
void *ops_mem_alloc(size_t size);
int ops_buf_append(int number);

void *ops_mem_alloc(size_t size)
{
    (void)size;
    abort();
}

int ops_buf_append(int number)
{
    return number + 1;
}

static void print_response(opsgate *gate, const char *accept)
{
    size_t i;
    opsgate_response *response = opsgate_respond(gate, accept);
    if (!response) {
        printf("503\n\n");
        return;
    }
    printf("%d\n", response->status);
    for (i = 0; i < response->header_count; i++)
        printf("%s: %s\n", response->headers[i].name, response->headers[i].value);
    printf("\n%lu\n", (unsigned long)response->body_length);
    fwrite(response->body, 1, response->body_length, stdout);
    printf("\n");
    opsgate_response_free(response);
}

static void print_window(opsgate *gate)
{
    opsgate_window *window = opsgate_window_copy(gate);
    if (!window)
        return;
    printf("%d %s\n%s\n%s\n%s\n%s\n", window->active, window->maintenance_id, window->description, window->started_at,
           window->estimated_end_utc, window->updates_json);
    opsgate_window_free(window);
}

static void print_counters(opsgate *gate)
{
    opsgate_counters counters;
    opsgate_count(gate, &counters);
    printf("%lu %lu %lu %lu %lu %lu %s\n", (unsigned long)counters.fresh, (unsigned long)counters.stale,
           (unsigned long)counters.unknown, (unsigned long)counters.blocked, (unsigned long)counters.asked,
           (unsigned long)counters.failed, counters.last_failure);
}

static void serve(opsgate *gate, char *line)
{
    char *method = strtok(line, " \n"), *path = strtok(NULL, " \n"), *accept = strtok(NULL, "\n");
    if (method && strcmp(method, "WINDOW") == 0)
        print_window(gate);
    else if (method && strcmp(method, "COUNT") == 0)
        print_counters(gate);
    else if (opsgate_check_request(gate, method, path))
        print_response(gate, accept);
    else
        printf("200\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const char *const health_paths[] = {"/healthz", "/status/*", NULL};
    char line[4096], why[OPSGATE_ERROR_SIZE];
    opsgate_config config = OPSGATE_CONFIG_INIT;
    opsgate *gate = NULL;
    config.source = argc > 1 ? argv[1] : "";
    config.refresh_ms = 1000;
    config.health_paths = health_paths;
    config.service = "shop";
    if (ops_buf_append(1) != 2)
        return 3;
    if (opsgate_open(&config, &gate, why) != OPSGATE_OK) {
        fprintf(stderr, "%s\n", why);
        return 2;
    }
    while (fgets(line, sizeof line, stdin))
        serve(gate, line);
    opsgate_close(gate);
    return 0;
}
