// SN 6.13, and the timers, counters and packet limits of SN 7.2 and 7.4.
#include "tests/support/talk.hpp"

#include <algorithm>

namespace retransmission_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using sn::ReturnCode;

namespace {

constexpr std::byte dup_bit{0x80};

/// A message that the gateway supervises: how it comes about, and the answer to it.
struct Supervised {
    std::string_view name;
    /// Leaves the message unanswered and returns it.
    Buffer (*begin)(Talk&, const Device&);
    /// What the client has to send, given that message.
    sn::Packet (*answer)(const sn::Packet&);
    std::size_t frames_after;  ///< that the answer causes
};

Buffer begin_will_topic(Talk&, const Device& node) {
    node.sends(sn::Connect{true, false, sn::protocol_id, 0, "c1"});
    return node.next_datagram();
}

Buffer begin_will_message(Talk& talk, const Device& node) {
    begin_will_topic(talk, node);
    node.sends(sn::WillTopic{Qos::at_most_once, false, "w/t"});
    return node.next_datagram();
}

Buffer begin_register(Talk& talk, const Device& node) {
    node.connects_with_will("c1", false, 0);
    node.subscribes("a/#", Qos::at_least_once);
    talk.broker_publishes("c1", "a/b", "x", Qos::at_least_once, 7);
    return node.next_datagram();
}

/// A message on a short topic, which needs no REGISTER.
Buffer begin_publish(Talk& talk, const Device& node, Qos qos) {
    node.connects_with_will("c1", false, 0);
    node.sends(sn::Subscribe{.qos = qos, .type = sn::TopicIdType::short_name, .msg_id = 1, .topic_id = 0x6162});
    node.expects(sn::Suback{qos, 0, 1, ReturnCode::accepted});
    talk.broker_publishes("c1", "ab", "x", qos, 7);
    return node.next_datagram();
}
Buffer begin_qos1(Talk& talk, const Device& node) {
    return begin_publish(talk, node, Qos::at_least_once);
}
Buffer begin_qos2(Talk& talk, const Device& node) {
    return begin_publish(talk, node, Qos::exactly_once);
}

Buffer begin_pubrel(Talk& talk, const Device& node) {
    const Buffer frame = begin_qos2(talk, node);
    node.sends(sn::Pubrec{std::get<sn::Publish>(*sn::decode(frame)).msg_id});
    return node.next_datagram();
}

const std::array supervised{
    Supervised{"WILLTOPICREQ", begin_will_topic, [](const sn::Packet&) -> sn::Packet { return sn::WillTopic{}; },
               1},  // CONNACK
    Supervised{"WILLMSGREQ", begin_will_message, [](const sn::Packet&) -> sn::Packet { return sn::WillMsg{}; }, 1},
    Supervised{"REGISTER", begin_register,
               [](const sn::Packet& packet) -> sn::Packet {
                   const auto& request = std::get<sn::Register>(packet);
                   return sn::Regack{request.topic_id, request.msg_id, ReturnCode::not_supported};
               },
               0},
    Supervised{"PUBLISH QoS 1", begin_qos1,
               [](const sn::Packet& packet) -> sn::Packet {
                   const auto& message = std::get<sn::Publish>(packet);
                   return sn::Puback{message.topic_id, message.msg_id, ReturnCode::accepted};
               },
               0},
    Supervised{"PUBLISH QoS 2", begin_qos2,
               [](const sn::Packet& packet) -> sn::Packet {
                   const auto& message = std::get<sn::Publish>(packet);
                   return sn::Puback{message.topic_id, message.msg_id, ReturnCode::not_supported};
               },
               0},
    Supervised{"PUBREL", begin_pubrel,
               [](const sn::Packet& packet) -> sn::Packet { return sn::Pubcomp{std::get<sn::Pubrel>(packet).msg_id}; },
               0},
};

/// The message as it has to be repeated.
Buffer repetition_of(Buffer frame) {
    if (sn::type_of(*sn::decode(frame)) == sn::MsgType::publish) frame[2] |= dup_bit;
    return frame;
}

void repeats(Talk& talk, const Device& node, const Buffer& first, Duration retry, std::uint32_t times) {
    for (std::uint32_t i = 0; i < times; ++i) {
        talk.advance(retry - 1us);
        node.expects_nothing();
        talk.advance(1us);
        CHECK(to_hex(node.next_datagram()) == to_hex(repetition_of(first)));
    }
}

}  // namespace

TEST_CASE("timers and counters have the values of the specification",
          "[SN12-7.2-b][SN12-7.2-f][SN12-7.2-g][SN12-7.2-h]") {
    const gateway::Timers timers;
    CHECK(timers.advertise == 960s);
    CHECK(timers.wait == 300s);
    CHECK(timers.retry == 10s);
    CHECK(timers.retries == 3);
    CHECK(gateway::LinkConfig{}.max_frame == 1400);
}

TEST_CASE("what needs an answer is repeated N_retry times, T_retry apart, octet by octet but for DUP",
          "[SN12-6.13-a][SN12-7.2-g][SN12-7.2-h]") {
    const auto each = GENERATE(from_range(supervised));
    CAPTURE(each.name);
    const auto [retry, retries] = GENERATE(table<Duration, std::uint32_t>({{10s, 3}, {15s, 5}, {10ms, 1}, {1s, 0}}));
    auto config = Talk::config();
    config.timers.retry = retry;
    config.timers.retries = retries;
    Talk talk(config);
    const auto node = talk.device(1);
    const Buffer first = each.begin(talk, node);
    const auto decoded = sn::decode(first);
    if (const auto* message = std::get_if<sn::Publish>(&*decoded)) CHECK_FALSE(message->dup);
    repeats(talk, node, first, retry, retries);
    CHECK(talk.counters().retransmissions == retries);
    CHECK(talk.counters().retries_exhausted == 0);
    // The last one has its time as well.
    talk.advance(retry - 1us);
    CHECK(talk.counters().retries_exhausted == 0);
    talk.advance(1us);
    CHECK(talk.counters().retries_exhausted == 1);
    talk.advance(1h);
    node.expects_nothing();
    CHECK(talk.counters().retransmissions == retries);
}

TEST_CASE("the answer ends the repetitions, however late it comes", "[SN12-6.13-b]") {
    const auto each = GENERATE(from_range(supervised));
    CAPTURE(each.name);
    const std::uint32_t repeated = GENERATE(0U, 1U, 3U);
    Talk talk;
    const auto node = talk.device(1);
    const Buffer first = each.begin(talk, node);
    repeats(talk, node, first, 10s, repeated);
    talk.advance(10s - 1us);
    node.sends(each.answer(*sn::decode(first)));
    for (std::size_t i = 0; i < each.frames_after; ++i)
        node.next_datagram();
    talk.advance(1h);
    node.expects_nothing();
    CHECK(talk.is_connected("c1"));
    CHECK(talk.counters().retries_exhausted == 0);
}

TEST_CASE("an answer that belongs to nothing does not end the repetitions", "[SN12-6.13-b]") {
    Talk talk;
    const auto node = talk.device(1);
    const Buffer first = begin_qos1(talk, node);
    const auto message = std::get<sn::Publish>(*sn::decode(first));
    talk.advance(5s);
    node.sends(sn::Puback{message.topic_id, static_cast<sn::MsgId>(message.msg_id + 1), ReturnCode::accepted});
    node.sends(sn::Regack{message.topic_id, message.msg_id, ReturnCode::accepted});
    node.sends(sn::Pubcomp{message.msg_id});
    talk.advance(5s - 1us);
    node.expects_nothing();
    talk.advance(1us);
    CHECK(to_hex(node.next_datagram()) == to_hex(repetition_of(first)));
}

TEST_CASE("each step of an exchange has all its repetitions, counted from its own sending",
          "[SN12-6.13-b][SN12-6.13-a]") {
    Talk talk;
    const auto node = talk.device(1);
    SECTION("REGISTER, PUBLISH, PUBREL") {
        node.connects("c1", false, 0);
        node.subscribes("a/#", Qos::exactly_once);
        talk.broker_publishes("c1", "a/b", "x", Qos::exactly_once, 7);
        const Buffer announced = node.next_datagram();
        repeats(talk, node, announced, 10s, 3);
        talk.advance(9s);
        const auto request = std::get<sn::Register>(*sn::decode(announced));
        node.sends(sn::Regack{request.topic_id, request.msg_id, ReturnCode::accepted});
        const Buffer published = node.next_datagram();
        repeats(talk, node, published, 10s, 3);
        talk.advance(9s);
        const auto msg_id = std::get<sn::Publish>(*sn::decode(published)).msg_id;
        node.sends(sn::Pubrec{msg_id});
        const Buffer released = node.next_datagram();
        repeats(talk, node, released, 10s, 3);
        talk.advance(9s);
        node.sends(sn::Pubcomp{msg_id});
    }
    SECTION("WILLTOPICREQ, WILLMSGREQ") {
        repeats(talk, node, begin_will_topic(talk, node), 10s, 3);
        talk.advance(9s);
        node.sends(sn::WillTopic{Qos::at_most_once, false, "w/t"});
        const Buffer second = node.next_datagram();
        CHECK(to_hex(second) == "0208");
        repeats(talk, node, second, 10s, 3);
        talk.advance(9s);
        node.sends(sn::WillMsg{});
        node.expects(sn::Connack{ReturnCode::accepted});
    }
    talk.advance(1h);
    node.expects_nothing();
    CHECK(talk.is_connected("c1"));
}

TEST_CASE("an active client that does not answer is lost: its will is published, and it is told nothing",
          "[SN12-6.13-c][SN12-6.4-g][SN12-6.13-b]") {
    const auto each = GENERATE(from_range(supervised.begin() + 2, supervised.end()));
    CAPTURE(each.name);
    Talk talk;
    const auto node = talk.device(1);
    const Buffer first = each.begin(talk, node);
    repeats(talk, node, first, 10s, 3);
    talk.heard();
    talk.advance(10s - 1us);
    CHECK(talk.heard("c1").empty());
    talk.advance(1us);
    CHECK(talk.heard("c1") == Lines{"ABORT"});
    CHECK(talk.counters().clients_lost == 1);
    node.expects_nothing();
    // An answer now comes from somebody unknown.
    node.sends(each.answer(*sn::decode(first)));
    node.expects(sn::Disconnect{});
    talk.advance(1h);
    CHECK(talk.heard("c1").empty());
}

TEST_CASE("messages of a lost client with CleanSession=0 are delivered after its next CONNECT, once",
          "[SN12-6.13-c][SN12-6.10-q]") {
    Talk talk;
    const auto node = talk.device(1);
    const Qos qos = GENERATE(Qos::at_least_once, Qos::exactly_once);
    const Buffer first = begin_publish(talk, node, qos);
    repeats(talk, node, first, 10s, 3);
    talk.advance(10s);
    talk.heard();
    talk.session_present = true;
    const auto from = talk.device(static_cast<std::uint8_t>(GENERATE(1, 2)));
    from.connects("c1", false, 0);
    CHECK(to_hex(from.next_datagram()) == to_hex(repetition_of(first)));
    // The broker, too, repeats what it has no acknowledgement for.
    talk.broker_sends("c1", mqtt::Publish{true, qos, false, "ab", 7, {}, as_bytes("x")});
    from.expects_nothing();
    const auto msg_id = std::get<sn::Publish>(*sn::decode(first)).msg_id;
    talk.heard();
    if (qos == Qos::at_least_once) {
        from.sends(sn::Puback{0x6162, msg_id, ReturnCode::accepted});
        CHECK(talk.heard("c1") == Lines{"PUBACK"});
    } else {
        from.sends(sn::Pubrec{msg_id});
        from.expects(sn::Pubrel{msg_id});
        from.sends(sn::Pubcomp{msg_id});
        CHECK(talk.heard("c1") == Lines{"PUBREC", "PUBCOMP"});
    }
}

TEST_CASE("a QoS 2 exchange that the client began to complete goes on with PUBREL after its next CONNECT",
          "[SN12-6.13-c]") {
    Talk talk;
    const auto node = talk.device(1);
    const Buffer released = begin_pubrel(talk, node);
    repeats(talk, node, released, 10s, 3);
    talk.advance(10s);
    talk.session_present = true;
    node.connects("c1", false, 0);
    CHECK(to_hex(node.next_datagram()) == to_hex(released));
    talk.heard();
    node.sends(sn::Pubcomp{std::get<sn::Pubrel>(*sn::decode(released)).msg_id});
    CHECK(talk.heard("c1") == Lines{"PUBREC", "PUBCOMP"});
}

TEST_CASE("messages of a lost client with CleanSession=1 end with its session", "[SN12-6.13-c]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1", true, 0);
    node.subscribes("ab", Qos::at_least_once);
    talk.broker_publishes("c1", "ab", "x", Qos::at_least_once, 7);
    repeats(talk, node, node.next_datagram(), 10s, 3);
    talk.advance(10s);
    CHECK(talk.gateway().session_count() == 0);
    node.connects("c1", true, 0);
    node.expects_nothing();
}

TEST_CASE("an awake client that does not answer sleeps again, without PINGRESP, its messages kept", "[SN12-6.13-c]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1", false, 10);
    node.subscribes("ab", Qos::at_least_once);
    node.sleeps(600);
    talk.broker_publishes("c1", "ab", "1", Qos::at_least_once, 7);
    talk.broker_publishes("c1", "ab", "2", Qos::at_least_once, 8);
    talk.heard();
    talk.advance(500s);
    node.sends(sn::Pingreq{"c1"});
    const Buffer first = node.next_datagram();
    repeats(talk, node, first, 10s, 3);
    talk.advance(10s);
    node.expects_nothing();
    SECTION("the sleep timer begins anew") {
        talk.advance(660s - 1us);
        CHECK(talk.heard("c1").empty());
        talk.advance(1us);
        CHECK(talk.heard("c1") == Lines{"ABORT"});
        node.expects_nothing();
    }
    SECTION("the next PINGREQ brings both messages") {
        talk.advance(300s);
        node.expects_nothing();
        node.sends(sn::Pingreq{"c1"});
        CHECK(to_hex(node.next_datagram()) == to_hex(repetition_of(first)));
        node.sends(sn::Puback{0x6162, std::get<sn::Publish>(*sn::decode(first)).msg_id, ReturnCode::accepted});
        const auto second = std::get<sn::Publish>(node.next());
        CHECK(as_text(second.data) == "2");
        CHECK_FALSE(second.dup);
        node.sends(sn::Puback{0x6162, second.msg_id, ReturnCode::accepted});
        node.expects(sn::Pingresp{});
        CHECK(talk.heard("c1") == Lines{"PUBACK", "PUBACK"});
    }
}

TEST_CASE("retry.exhausted = drop gives up the message, not the client", "[SN12-6.13-c][SN12-6.13-b][SN12-6-k]") {
    const auto each = GENERATE(from_range(supervised.begin() + 2, supervised.end()));
    CAPTURE(each.name);
    auto config = Talk::config();
    config.retry_exhausted = gateway::RetryExhausted::drop;
    Talk talk(config);
    const auto node = talk.device(1);
    const Buffer first = each.begin(talk, node);
    talk.broker_publishes("c1", "ab", "next", Qos::at_most_once);
    repeats(talk, node, first, 10s, 3);
    node.expects_nothing();
    talk.heard();
    talk.advance(10s);
    CHECK(as_text(std::get<sn::Publish>(node.next()).data) == "next");
    const bool is_qos2 = each.begin == begin_qos2 || each.begin == begin_pubrel;
    CHECK(talk.heard("c1") == (is_qos2 ? Lines{"PUBREC", "PUBCOMP"} : Lines{"PUBACK"}));
    // The late answer is one without a question.
    node.sends(each.answer(*sn::decode(first)));
    node.expects_nothing();
    CHECK(talk.heard("c1").empty());
    CHECK(talk.is_connected("c1"));
    CHECK(talk.counters().clients_lost == 0);
}

TEST_CASE("what answers the client is never repeated on a timer, only with the request", "[SN12-6.13-d]") {
    struct Request {
        std::string_view frame;
        std::string_view answer;
    };
    const auto [frame, answer] = GENERATE(values<Request>({
        {"08 04 04 01 00 00 63 31", "030500"},          // CONNECT, CONNACK
        {"07 0A 00 00 00 01 61", "070b0001000100"},     // REGISTER, REGACK
        {"08 0C 22 61 62 00 02 78", "070d6162000200"},  // PUBLISH QoS 1, PUBACK
        {"08 0C 42 61 62 00 03 78", "040f0003"},        // PUBLISH QoS 2, PUBREC
        {"04 10 00 04", "040e0004"},                    // PUBREL, PUBCOMP
        {"08 0C 20 77 77 00 05 78", "070d7777000502"},  // PUBLISH to an unknown id, PUBACK
        {"07 12 20 00 06 61 23", "0813000000000603"},   // SUBSCRIBE a#, refused
        {"07 12 42 00 07 61 62", "0813400000000700"},   // SUBSCRIBE ab, SUBACK
        {"06 14 00 00 08 61", "04150008"},              // UNSUBSCRIBE, UNSUBACK
        {"02 16", "0217"},                              // PINGREQ, PINGRESP
        {"04 18 00 00", "0218"},                        // DISCONNECT
        {"04 18 FF FF", "0218"},                        // DISCONNECT with Duration
        {"06 1A 00 77 2F 74", "031b00"},                // WILLTOPICUPD, WILLTOPICRESP
        {"03 1C 78", "031d03"},                         // WILLMSGUPD without a topic, WILLMSGRESP
    }));
    CAPTURE(frame);
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1", true, 0);
    for (int i = 0; i < 2; ++i) {
        node.sends(hex(frame));
        CHECK(to_hex(node.next_datagram()) == answer);
        node.expects_nothing();
        talk.advance(39s);  // CONNACK is repeated until then
        node.expects_nothing();
    }
    talk.advance(10h);
    node.expects_nothing();
    CHECK(talk.counters().retransmissions == 0);
}

TEST_CASE("GWINFO is not repeated on a timer", "[SN12-6.13-d]") {
    Talk talk;
    talk.device(1).sends(sn::SearchGw{1});
    CHECK(talk.broadcasts.size() == 1);
    talk.advance(959s);
    CHECK(talk.broadcasts.size() == 1);
}

TEST_CASE("deliveries pause for T_wait after the client reported congestion, then go on with the same message",
          "[SN12-7.2-f][SN12-6.10-r]") {
    Talk talk;
    const auto node = talk.device(1);
    const Buffer first = begin_qos1(talk, node);
    const auto msg_id = std::get<sn::Publish>(*sn::decode(first)).msg_id;
    talk.advance(5s);
    node.sends(sn::Puback{0x6162, msg_id, ReturnCode::congestion});
    talk.broker_publishes("c1", "ab", "second");
    talk.advance(300s - 1us);
    node.expects_nothing();
    talk.advance(1us);
    CHECK(to_hex(node.next_datagram()) == to_hex(repetition_of(first)));
    node.sends(sn::Puback{0x6162, msg_id, ReturnCode::accepted});
    CHECK(as_text(std::get<sn::Publish>(node.next()).data) == "second");
}

TEST_CASE("repetitions follow the client to its new address", "[SN12-6.13-a][SN12-6.2-k]") {
    Talk talk;
    const auto node = talk.device(1);
    const Buffer first = begin_qos1(talk, node);
    talk.advance(9s);
    const auto other = talk.device(2);
    other.connects("c1", false, 0);
    CHECK(to_hex(other.next_datagram()) == to_hex(repetition_of(first)));
    repeats(talk, other, first, 10s, 3);
    node.expects_nothing();
}

TEST_CASE("repetitions for a client whose address was taken go nowhere, and it is lost", "[SN12-6.13-c][SN12-6.2-l]") {
    Talk talk;
    const auto node = talk.device(1);
    begin_qos1(talk, node);
    node.connects("c2", true, 0);
    talk.heard();
    talk.advance(40s - 1us);
    CHECK(talk.heard("c1").empty());
    talk.advance(1us);
    CHECK(talk.heard("c1") == Lines{"ABORT"});
    node.expects_nothing();
}

TEST_CASE("each listener has its packet limit, the encapsulation included", "[SN12-7.4-a][SN12-5.2.1-i]") {
    auto config = Talk::config();
    config.links.emplace_back();
    config.links.back().max_frame = 60;
    Talk talk(config);
    // Without payload a PUBLISH has 7 octets, 9 with the 3-octet Length; a forwarder adds 5.
    struct Listener {
        Device node;
        std::size_t longest;
    };
    const auto [node, longest] = GENERATE_REF(
        values<Listener>({{talk.device(1, 0), 1391}, {talk.device(1, 1), 53}, {talk.device(1, 1).behind("no"), 48}}));
    node.connects("c1", true, 0);
    node.subscribes("ab", Qos::at_least_once);
    talk.heard();
    talk.broker_publishes("c1", "ab", std::string(longest + 1, 'x'), Qos::at_least_once, 1);
    node.expects_nothing();
    CHECK(talk.heard("c1") == Lines{"PUBACK"});  // the broker must not send it again
    CHECK(talk.counters().deliveries_too_long == 1);
    talk.broker_publishes("c1", "ab", std::string(longest, 'x'), Qos::at_least_once, 2);
    const auto delivered = std::get<sn::Publish>(node.next());
    CHECK(delivered.data.size() == longest);
    node.sends(sn::Puback{delivered.topic_id, delivered.msg_id, ReturnCode::accepted});
    CHECK(talk.counters().deliveries_too_long == 1);
}

}  // namespace retransmission_test
