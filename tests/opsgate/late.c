/* "late LIBRARY": loads the library when the program has many threads, lets all of them check, and unloads it before they
 * end. Prints what it counted.
 */
#include <opsgate.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 200, CHECKS = 1000 };

static struct {
    opsgate_status (*open)(const opsgate_config *config, opsgate **ret_gate, char why[OPSGATE_ERROR_SIZE]);
    int (*check)(opsgate *gate);
    void (*count)(opsgate *gate, opsgate_counters *ret_counters);
    void (*close)(opsgate *gate);
} library;

static opsgate *gate;
static unsigned long blocked[THREADS];
static pthread_barrier_t loaded, checked, unloaded;

static void *work(void *context)
{
    unsigned long *own = (unsigned long *)context;
    int i;
    pthread_barrier_wait(&loaded);
    for (i = 0; i < CHECKS; i++)
        *own += (unsigned long)library.check(gate);
    pthread_barrier_wait(&checked);
    pthread_barrier_wait(&unloaded);
    return NULL;
}

static int ask(void *context, unsigned timeout_ms, char *window, size_t size)
{
    (void)context, (void)timeout_ms, (void)size;
    strcpy(window, "{}");
    return 1;
}

static void *find(void *handle, const char *name)
{
    void *found = dlsym(handle, name);
    if (!found) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    return found;
}

static void *load(const char *path)
{
    char why[OPSGATE_ERROR_SIZE];
    opsgate_config config = OPSGATE_CONFIG_INIT;
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL), *function;
    if (!handle) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    function = find(handle, "opsgate_open"), memcpy(&library.open, &function, sizeof function);
    function = find(handle, "opsgate_check"), memcpy(&library.check, &function, sizeof function);
    function = find(handle, "opsgate_count"), memcpy(&library.count, &function, sizeof function);
    function = find(handle, "opsgate_close"), memcpy(&library.close, &function, sizeof function);
    config.ask = ask;
    config.first_wait_ms = 10000;
    if (library.open(&config, &gate, why) != OPSGATE_OK) {
        fprintf(stderr, "%s\n", why);
        exit(2);
    }
    return handle;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    opsgate_counters counters;
    unsigned long sum = 0;
    void *handle;
    int i;
    pthread_barrier_init(&loaded, NULL, THREADS + 1);
    pthread_barrier_init(&checked, NULL, THREADS + 1);
    pthread_barrier_init(&unloaded, NULL, THREADS + 1);
    for (i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, &blocked[i]) != 0)
            return 2;
    handle = load(argc > 1 ? argv[1] : "libopsgate.so.0");
    pthread_barrier_wait(&loaded);
    pthread_barrier_wait(&checked);
    library.count(gate, &counters);
    library.close(gate);
    if (dlclose(handle) != 0)
        return 2;
    pthread_barrier_wait(&unloaded);
    for (i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        sum += blocked[i];
    }
    printf("%lu %lu %lu\n", sum, (unsigned long)counters.blocked,
           (unsigned long)(counters.fresh + counters.stale + counters.unknown));
    return 0;
}
