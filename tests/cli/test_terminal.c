/* The real terminal, on a pseudo-terminal of its own. */
#include "cli/fake.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* A child on a new terminal that asks for a secret and exits with 0 when it is "hush". */
static pid_t start_child(int *ret_fd)
{
    pid_t child = forkpty(ret_fd, NULL, NULL, NULL);
    if (child == 0) {
        char answer[64] = "";
        struct ops_terminal *terminal = ops_terminal_system();
        enum ops_status status = terminal->ops->ask(terminal, "Secret code: ", false, answer, sizeof answer, NULL);
        _exit(status == OPS_OK && strcmp(answer, "hush") == 0 ? 0 : 1);
    }
    assert_true(child > 0);
    return child;
}

/* Reads what the child writes until it has text, or a while has passed. */
static void read_until(int fd, const char *text, char *seen, size_t size)
{
    size_t length = strlen(seen);
    while (!strstr(seen, text)) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, 5000) <= 0)
            fail_msg("'%s' never came: %s", text, seen);
        ssize_t count = read(fd, seen + length, size - length - 1);
        if (count <= 0)
            fail_msg("'%s' never came: %s", text, seen);
        length += (size_t)count;
        seen[length] = '\0';
    }
}

static bool echoes(int fd)
{
    struct termios now;
    assert_int_equal(tcgetattr(fd, &now), 0);
    return now.c_lflag & ECHO;
}

static void a_secret_is_typed_without_echo(void **state)
{
    (void)state;
    int fd, status;
    char seen[256] = "";
    pid_t child = start_child(&fd);
    read_until(fd, "Secret code: ", seen, sizeof seen);
    assert_false(echoes(fd));
    assert_int_equal(write(fd, "hush\n", 5), 5);
    read_until(fd, "\n", seen, sizeof seen);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_lacks(seen, "hush");
    assert_true(echoes(fd));
    close(fd);
}

static void ctrl_c_at_the_prompt_gives_the_terminal_back(void **state)
{
    (void)state;
    int fd, status;
    char seen[256] = "";
    pid_t child = start_child(&fd);
    read_until(fd, "Secret code: ", seen, sizeof seen);
    assert_int_equal(write(fd, "hu\x03", 3), 3);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
    assert_true(echoes(fd));
    close(fd);
}

static void a_pause_ends_at_once_when_interrupted(void **state)
{
    (void)state;
    struct ops_terminal *terminal = ops_terminal_system();
    terminal->ops->hold_interrupts(terminal, true);
    assert_true(terminal->ops->pause(terminal, 1));
    assert_int_equal(raise(SIGINT), 0);
    assert_false(terminal->ops->pause(terminal, 60 * 1000));
    terminal->ops->hold_interrupts(terminal, false);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_typed_without_echo),
        cmocka_unit_test(ctrl_c_at_the_prompt_gives_the_terminal_back),
        cmocka_unit_test(a_pause_ends_at_once_when_interrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
