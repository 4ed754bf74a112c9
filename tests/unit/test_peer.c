#include "core/peer.h"

#include "support/cmocka_all.h"

static void a_peer_is_one_word_for_a_record(void **state)
{
    (void)state;
    static const struct {
        struct ops_peer peer;
        const char *text;
    } cases[] = {
        {{.kind = OPS_PEER_UNKNOWN}, ""},
        {{.kind = OPS_PEER_PROCESS, .uid = 1000, .pid = 4711}, "uid:1000"},
        {{.kind = OPS_PEER_PROCESS, .uid = 0}, "uid:0"},
        {{.kind = OPS_PEER_ADDRESS, .port = 80, .text = "127.0.0.1"}, "address:127.0.0.1"},
        {{.kind = OPS_PEER_SOURCE, .text = "arn:aws:sts::1:assumed-role/ops/olga"},
         "source:arn:aws:sts::1:assumed-role/ops/olga"},
        {{.kind = OPS_PEER_SOURCE, .text = "o\nl\xc3\xa4"}, "source:o?l??"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[OPS_PEER_WORDS_SIZE];
        ops_peer_text(&cases[i].peer, text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_peer_is_one_word_for_a_record)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
