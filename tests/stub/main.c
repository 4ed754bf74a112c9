/* A stand-in for AWS: DynamoDB, S3, CloudWatch Logs and STS on one port of the loopback interface, with faults on demand.
 *
 *   stub [--port N] [--threads N] [--tables NAME=ITEMS,...] [--buckets NAME=OBJECTS,...] [--log-groups NAME=STREAMS,...]
 *
 * Prints "ready http://127.0.0.1:PORT" and serves until SIGTERM or SIGINT. Signatures are not checked.
 */
#include "stub/call.h"
#include "stub/fill.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS_MAX = 64, EXIT_USAGE = 2 };

struct options {
    uint16_t port;
    size_t thread_count;
    json_t *fill;
};

static _Noreturn void refuse_options(void)
{
    (void)fprintf(stderr, "usage: stub [--port N] [--threads N] [--tables NAME=N,...] [--buckets NAME=N,...] "
                          "[--log-groups NAME=N,...]\n");
    exit(EXIT_USAGE);
}

static unsigned long number(const char *text, unsigned long least, unsigned long most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end || value < least || value > most)
        refuse_options();
    return value;
}

/* "a=1000,b=20" becomes {"a": {count_name: 1000}, "b": {count_name: 20}} under kind. */
static void add_fill(json_t *fill, const char *kind, const char *count_name, char *list)
{
    json_t *named = stub_json(json_object());
    for (char *left = NULL, *one = strtok_r(list, ",", &left); one; one = strtok_r(NULL, ",", &left)) {
        char *equals = strchr(one, '=');
        if (!equals || equals == one)
            refuse_options();
        *equals = '\0';
        json_t *description = stub_json(json_pack("{s:I}", count_name, (json_int_t)number(equals + 1, 0, 4000000000)));
        if (json_object_set_new(named, one, description) != 0)
            stub_give_up("a name is no UTF-8");
    }
    if (json_object_set_new(fill, kind, named) != 0)
        stub_give_up("out of memory");
}

static void read_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"port", required_argument, NULL, 'p'},       {"threads", required_argument, NULL, 't'},
        {"tables", required_argument, NULL, 'T'},     {"buckets", required_argument, NULL, 'B'},
        {"log-groups", required_argument, NULL, 'L'}, {NULL, 0, NULL, 0}};
    *options = (struct options){.thread_count = 1, .fill = stub_json(json_object())};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (option == 'p')
            options->port = (uint16_t)number(optarg, 0, UINT16_MAX);
        else if (option == 't')
            options->thread_count = number(optarg, 1, THREADS_MAX);
        else if (option == 'T')
            add_fill(options->fill, "tables", "items", optarg);
        else if (option == 'B')
            add_fill(options->fill, "buckets", "objects", optarg);
        else if (option == 'L')
            add_fill(options->fill, "log_groups", "streams", optarg);
        else
            refuse_options();
    }
    if (optind != argc)
        refuse_options();
}

static void fill(struct stub_world *world, json_t *description)
{
    struct ops_buf problem;
    stub_buf_init(&problem);
    if (!stub_fill(world, description, &problem))
        stub_give_up(ops_buf_text(&problem));
    ops_buf_release(&problem);
    json_decref(description);
}

int main(int argc, char **argv)
{
    struct options options;
    struct stub_world world;
    sigset_t signals;
    int signal_number;
    read_options(argc, argv, &options);
    stub_world_init(&world);
    fill(&world, options.fill);
    /* Blocked before the threads begin, so that only this one sees them. */
    if (sigemptyset(&signals) != 0 || sigaddset(&signals, SIGTERM) != 0 || sigaddset(&signals, SIGINT) != 0 ||
        pthread_sigmask(SIG_BLOCK, &signals, NULL) != 0)
        stub_give_up("signals can't be blocked");
    struct stub_server *server = stub_server_start(options.port, options.thread_count, stub_world_answer, &world);
    (void)printf("ready http://127.0.0.1:%u\n", stub_server_port(server));
    if (fflush(stdout) != 0)
        stub_give_up("nobody reads the ready line");
    (void)sigwait(&signals, &signal_number); /* can't fail for these signals */
    stub_server_stop(server);
    stub_world_clear(&world);
    return 0;
}
