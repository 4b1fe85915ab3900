// What leaves a node that breaks the rules.
#include "tools/node/faults.hpp"

#include "tests/support/hex.hpp"
#include "tools/commands/impairment_text.hpp"

#include "protocol/sn/forwarder.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <set>
#include <string>

namespace faults_test {

using namespace mqttsn;
using namespace mqttsn::node;
using Catch::Matchers::Contains;
using Port = FaultyDatagram::Port;
using Hexes = std::vector<std::string>;

namespace {

Buffer frame_of(const sn::Packet& packet) {
    Buffer frame;
    REQUIRE(sn::encode(packet, 1024, frame).has_value());
    return frame;
}

const sn::Packet connect = sn::Connect{false, true, sn::protocol_id, 60, "n1"};
const sn::Packet publish = sn::Publish{false, Qos::at_least_once, false, sn::TopicIdType::normal, 5, 7, as_bytes("x")};

/// A node that commits one fault whenever it can.
struct Culprit {
    explicit Culprit(std::string_view fault, double share = 1, std::uint64_t seed = 1)
        : node({{fault_named(fault)}, share}, seed) {
        REQUIRE(fault_named(fault) != nullptr);
    }
    std::vector<FaultyDatagram> sends(const sn::Packet& packet) { return node.send(frame_of(packet)); }
    /// The datagrams that leave instead; those from other ports say so.
    Hexes of(const sn::Packet& packet) {
        Hexes result;
        for (const auto& each : sends(packet)) {
            const char* port = each.from == Port::own ? "" : each.from == Port::second ? "second " : "fresh ";
            result.push_back(port + test::to_hex(each.octets));
        }
        return result;
    }
    Misbehaviour node;
};

/// What sim nodes send in the course of time; wake-ups included.
std::vector<sn::Packet> daily_frames() {
    return {connect,
            sn::Register{0, 1, "a/b"},
            sn::Subscribe{false, Qos::at_least_once, sn::TopicIdType::normal, 2, 0, "a/c"},
            publish,
            sn::Disconnect{30},
            sn::Pingreq{"n1"},
            sn::Regack{5, 1, sn::ReturnCode::accepted},
            sn::Puback{5, 1, sn::ReturnCode::accepted},
            sn::Pubrec{2},
            sn::Pubcomp{2},
            sn::Disconnect{}};
}

}  // namespace

TEST_CASE("every fault has a name of its own, an item of the checklist, and an occasion in the life of a node",
          "[SN12C-5.2.1-b][SN12C-5.3.4-a][SN12C-6.2-d][SN12C-6.5-c][SN12C-6.14-f][SN12C-5.5-b]") {
    std::set<std::string_view> names;
    std::set<std::string_view> items;
    for (const Fault& each : faults()) {
        CAPTURE(each.name);
        CHECK(names.insert(each.name).second);
        items.insert(each.item);
        Culprit culprit(each.name);
        for (const auto& packet : daily_frames())
            culprit.node.send(frame_of(packet));
        CHECK(culprit.node.counts().at(0) > 0);
    }
    CHECK(items == std::set<std::string_view>{"SN12C-5.2.1-b", "SN12C-5.3.4-a", "SN12C-6.2-d", "SN12C-6.5-c",
                                              "SN12C-6.14-f", "SN12C-5.5-b"});
    CHECK(fault_named("no-such-fault") == nullptr);
}

TEST_CASE("headers and datagrams go wrong", "[SN12C-5.2.1-b]") {
    CHECK(Culprit("long-header").of(sn::Pingreq{}) == Hexes{"01000416"});
    CHECK(Culprit("length-plus-1").of(sn::Pingreq{}) == Hexes{"0316"});
    CHECK(Culprit("length-minus-1").of(sn::Pingreq{"n1"}) == Hexes{"03166e31"});
    CHECK(Culprit("length-0").of(sn::Pingreq{}) == Hexes{"0016"});
    CHECK(Culprit("length-1").of(sn::Pingreq{"n1"}) == Hexes{"01166e31"});
    CHECK(Culprit("length-2").of(sn::Pingreq{"n1"}) == Hexes{"02166e31"});
    CHECK(Culprit("length-3").of(sn::Pingreq{"n1"}) == Hexes{"03166e31"});
    CHECK(Culprit("trailing-octets").of(sn::Pingreq{}) == Hexes{"0216000000"});
    CHECK(Culprit("two-in-one").of(sn::Pingreq{}) == Hexes{"02160216"});
    const auto cut = Culprit("truncated").sends(publish);
    REQUIRE(cut.size() == 1);
    CHECK(cut[0].octets.size() < frame_of(publish).size());
    CHECK(std::to_integer<std::size_t>(cut[0].octets[0]) == cut[0].octets.size());
    const auto random = Culprit("random-octets").sends(publish);
    REQUIRE(random.size() == 2);
    CHECK(random[0].octets == frame_of(publish));
    CHECK(random[1].octets.size() <= 40);
}

TEST_CASE("fields have values that they must not have", "[SN12C-5.3.4-a]") {
    const sn::Packet subscribe = sn::Subscribe{false, Qos::at_most_once, sn::TopicIdType::normal, 3, 0, "a"};
    CHECK(Culprit("unused-flags").of(connect) == Hexes{"0804f701003c6e31"});
    CHECK(Culprit("unused-flags").of(publish) == Hexes{"080c2c0005000778"});
    CHECK(Culprit("unused-flags").of(subscribe) == Hexes{"06121c000361"});
    CHECK(Culprit("unused-flags").of(sn::Unsubscribe{sn::TopicIdType::normal, 3, 0, "a"}) == Hexes{"0614fc000361"});
    CHECK(Culprit("reserved-topic-type").of(publish) == Hexes{"080c230005000778"});
    CHECK(Culprit("subscribe-qos-minus-1").of(subscribe) == Hexes{"061260000361"});
    CHECK(Culprit("will-qos-minus-1").of(connect) == Hexes{"08040c01003c6e31", "0d07606661756c742f77696c6c"});
    CHECK(Culprit("msg-id-0").of(publish) == Hexes{"080c200005000078"});
    CHECK(Culprit("msg-id-0").of(subscribe) == Hexes{"061200000061"});
    CHECK(Culprit("msg-id-0").of(sn::Register{0, 9, "a"}) == Hexes{"070a0000000061"});
    CHECK_THAT(Culprit("reserved-topic-ids").of(publish).front(),
               Contains("080c200000000778") || Contains("080c20ffff000778"));
    const auto refused = Culprit("reserved-return-codes").sends(sn::Puback{5, 1, sn::ReturnCode::accepted});
    CHECK(std::to_integer<unsigned>(refused.at(0).octets.back()) > 3);
}

TEST_CASE("addresses and identities get mixed up", "[SN12C-6.2-d]") {
    CHECK(Culprit("new-port").of(sn::Pingreq{}) == Hexes{"fresh 0216"});
    for (const char* fault : {"new-port-connect", "two-ids-one-port", "one-id-two-ports"}) {
        Culprit culprit(fault);
        CHECK(culprit.of(sn::Pingreq{}) == Hexes{"0216"});  // nothing is known to connect with
        culprit.of(connect);
        const std::map<std::string, Hexes> expected{
            {"new-port-connect", {"fresh 08040401003c6e31", "0216"}},
            {"two-ids-one-port", {"0216", "08040401003c6e7e"}},
            {"one-id-two-ports", {"0216", "second 08040401003c6e31"}},
        };
        CHECK(culprit.of(sn::Pingreq{}) == expected.at(fault));
    }
    const auto handshake = Culprit("connect-at-every-step").sends(connect);
    REQUIRE(handshake.size() == 7);
    CHECK(handshake.back().octets == frame_of(connect));
    std::string types;
    for (const auto& each : handshake)
        types += static_cast<char>('0' + std::to_integer<int>(each.octets[1]));
    CHECK(types == "4474794");  // CONNECT, WILLTOPIC, WILLMSG
}

TEST_CASE("exchanges overlap and registrations make no sense", "[SN12C-6.5-c]") {
    const auto at_once = Culprit("many-outstanding").sends(publish);
    REQUIRE(at_once.size() == 4);
    std::set<sn::MsgId> msg_ids;
    for (const auto& each : at_once) {
        const auto packet = sn::decode(each.octets);
        REQUIRE(packet.has_value());
        msg_ids.insert(std::get<sn::Publish>(*packet).msg_id);
    }
    CHECK(msg_ids.size() > 1);
    const auto registered = [](const char* fault) {
        const auto sent = Culprit(fault).sends(publish);
        REQUIRE(sent.size() == 2);
        const auto packet = sn::decode(sent[1].octets);
        REQUIRE(packet.has_value());
        return std::string(std::get<sn::Register>(*packet).topic_name);
    };
    CHECK_THAT(registered("register-wildcard"), Contains("#") || Contains("+"));
    CHECK(registered("register-empty").empty());
    CHECK(registered("register-invalid-utf8") == "fault/\xC3\x28");
    CHECK(registered("register-too-long").size() == 10'000);
    std::set<unsigned> codes;
    Culprit rejecting("reject-register");
    for (int i = 0; i < 50; ++i) {
        const auto sent = rejecting.sends(sn::Regack{5, 1, sn::ReturnCode::accepted});
        codes.insert(std::to_integer<unsigned>(sent.at(0).octets.back()));
    }
    CHECK(codes == std::set<unsigned>{1, 2, 3});
}

TEST_CASE("sleepers talk, leave things open and fall silent", "[SN12C-6.14-f]") {
    CHECK(Culprit("busy-asleep").of(sn::Disconnect{30}) == Hexes{"0418001e", "070c2266617002",
                                                                 "0712227003"
                                                                 "6661"});
    CHECK(Culprit("busy-asleep").of(sn::Disconnect{}) == Hexes{"0218"});
    CHECK(Culprit("sleep-unfinished").of(publish) == Hexes{"080c200005000778", "04180002"});
    Culprit silent("silent-drain");
    const sn::Packet answer = sn::Puback{5, 1, sn::ReturnCode::accepted};
    CHECK(silent.of(answer).size() == 1);  // not asleep before
    for (int wake_up = 0; wake_up < 2; ++wake_up) {
        CHECK(silent.of(sn::Pingreq{"n1"}).size() == 1);
        CHECK(silent.of(answer).size() == 1);
        CHECK(silent.of(answer).empty());
        CHECK(silent.of(sn::Pubrec{3}).empty());
    }
    silent.of(connect);
    CHECK(silent.of(answer).size() == 1);
}

TEST_CASE("encapsulation goes wrong", "[SN12C-5.5-b]") {
    CHECK(Culprit("empty-node-id").of(sn::Pingreq{}) == Hexes{"0216", "03fe000216"});
    CHECK(Culprit("nested").of(sn::Pingreq{}) == Hexes{"0216", "05fe000a0a06fe000a0a0a07fe000a0a0a0a0216"});
    CHECK(Culprit("inner-length").of(sn::Pingreq{}) == Hexes{"0216", "05fe000a0a0616"});
    CHECK(Culprit("reserved-ctrl").of(sn::Pingreq{}) == Hexes{"0216", "05fefc0a0a0216"});
    const auto longest = Culprit("long-node-id").sends(sn::Pingreq{});
    REQUIRE(longest.size() == 2);
    const auto outer = sn::decode_encapsulated(longest[1].octets);
    REQUIRE(outer.has_value());
    CHECK(outer->node_id.size() == 252);
}

TEST_CASE("a node breaks the rules as often as asked, the same way with the same seed") {
    Culprit often("long-header", 0.2);
    for (int i = 0; i < 5000; ++i)
        often.sends(sn::Pingreq{});
    CHECK(often.node.counts()[0] > 850);
    CHECK(often.node.counts()[0] < 1150);
    std::vector<const Fault*> all;
    CHECK(tools::find_faults({"all"}, all).empty());
    CHECK(all.size() == faults().size());
    const auto life = [&](std::uint64_t seed) {
        Misbehaviour node({all, 0.5}, seed);
        Hexes sent;
        for (int day = 0; day < 20; ++day) {
            for (const auto& packet : daily_frames()) {
                for (const auto& each : node.send(frame_of(packet)))
                    sent.push_back(test::to_hex(each.octets));
            }
        }
        return sent;
    };
    CHECK(life(1) == life(1));
    CHECK(life(1) != life(2));
}

TEST_CASE("faults are found by name, and listed") {
    std::vector<const Fault*> found;
    CHECK(tools::find_faults({"nested", "length-0"}, found).empty());
    REQUIRE(found.size() == 2);
    CHECK(found[0]->name == "nested");
    CHECK_THAT(tools::find_faults({"nesded"}, found), Contains("\"nesded\" is no fault"));
    const auto list = tools::list_of_faults();
    for (const Fault& each : faults())
        CHECK_THAT(list, Contains(std::string(each.name)));
    CHECK_THAT(list, Contains("SN12C-6.13-b") && Contains("SN12C-6.13-c"));
}

}  // namespace faults_test
