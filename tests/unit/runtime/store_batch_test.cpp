// What is left of a batch before it is written.
#include "gateway/runtime/store_batch.hpp"
#include "tests/unit/runtime/store_records.hpp"

#include <catch2/catch.hpp>

#include <random>

namespace store_batch_test {

using namespace mqttsn;
using namespace mqttsn::gateway;
using namespace mqttsn::gateway::test;

namespace {

using Action = StoreOp::Action;

StoreBatch collapsed(const Script& script) {
    StoreBatch batch;
    batch.add(script.ops, script.octets);
    batch.collapse();
    return batch;
}

void carry_out(const StoreBatch& batch, Records& records) {
    for (const StoreOp& op : batch.ops) {
        switch (op.action) {
            case Action::put:
                records[op.key] = as_text(batch.image(op));
                break;
            case Action::erase:
                records.erase(op.key);
                break;
            case Action::erase_session:
                std::erase_if(records, [&](const auto& each) { return each.first.session == op.key.session; });
                break;
        }
    }
}

Script random_script(std::mt19937& random, int size) {
    const auto below = [&](std::uint32_t bound) { return static_cast<std::uint32_t>(random() % bound); };
    Script script;
    for (int i = 0; i < size; ++i) {
        const std::uint32_t session = below(3);
        const RecordKey key =
            below(2) == 0 ? message_key(session, below(3)) : (below(2) == 0 ? session_key(session) : flow_key(session));
        switch (below(8)) {
            case 0:
                script.erase_session(session);
                break;
            case 1:
            case 2:
                script.erase(key);
                break;
            default:
                script.put(key, std::to_string(i));
        }
    }
    return script;
}

}  // namespace

TEST_CASE("of several puts of one record the last is written, and only its octets are kept") {
    const auto batch =
        collapsed(Script().put(flow_key(1), "first").put(session_key(1), "s").put(flow_key(1), "last!!"));
    REQUIRE(batch.ops.size() == 2);
    CHECK(batch.ops[0].key == session_key(1));
    CHECK(batch.ops[1].key == flow_key(1));
    CHECK(as_text(batch.image(batch.ops[1])) == "last!!");
    CHECK(batch.octets.size() == 7);
}

TEST_CASE("a record put and erased in one batch is only erased, for it may be on disk") {
    const auto batch = collapsed(Script().put(message_key(1, 2), "x").erase(message_key(1, 2)));
    REQUIRE(batch.ops.size() == 1);
    CHECK(batch.ops[0].action == Action::erase);
    CHECK(batch.octets.empty());
}

TEST_CASE("a record erased and put again is put") {
    const auto batch = collapsed(Script().erase(message_key(1, 2)).put(message_key(1, 2), "x"));
    REQUIRE(batch.ops.size() == 1);
    CHECK(batch.ops[0].action == Action::put);
}

TEST_CASE("an erased session takes what came before it, and stays before what comes after it") {
    const auto batch = collapsed(Script()
                                     .put(session_key(1), "old")
                                     .put(session_key(2), "other")
                                     .erase_session(1)
                                     .put(flow_key(1), "new")
                                     .erase(session_key(1)));
    REQUIRE(batch.ops.size() == 3);
    CHECK(batch.ops[0].action == Action::erase_session);
    CHECK(batch.ops[0].key.session == 1);
    CHECK(batch.ops[1].key == session_key(2));
    CHECK(batch.ops[2].key == flow_key(1));
    CHECK(as_text(batch.image(batch.ops[2])) == "new");
}

TEST_CASE("a collapsed batch has the effect of the whole one, whatever was there, and also when more is added") {
    std::mt19937 random(4);
    for (int round = 0; round < 2000; ++round) {
        INFO("round " << round);
        Records before;
        carry_out(random_script(random, 20), before);
        const Script first = random_script(random, 15);
        const Script second = random_script(random, 15);
        Records expected = before;
        carry_out(first, expected);
        carry_out(second, expected);

        StoreBatch batch;
        batch.add(first.ops, first.octets);
        batch.collapse();
        batch.add(second.ops, second.octets);
        const std::size_t weight = batch.weight();
        batch.collapse();
        CHECK(batch.weight() <= weight);
        carry_out(batch, before);
        REQUIRE(before == expected);
    }
}

TEST_CASE("a cleared batch gives a mountain of memory back") {
    StoreBatch batch;
    const std::string large(4U << 20, 'x');
    const Script script = Script().put(session_key(1), large);
    batch.add(script.ops, script.octets);
    batch.clear();
    CHECK(batch.empty());
    CHECK(batch.weight() == 0);
    CHECK(batch.octets.capacity() <= 1U << 20);
}

}  // namespace store_batch_test
