#include "tools/node/faults.hpp"

#include "protocol/sn/forwarder.hpp"
#include "tools/node/impairment.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace mqttsn::node {

/// The frame that is about to leave, and what is known of its node.
struct Occasion {
    Bytes frame;
    sn::MsgType type{};
    Bytes last_connect;
    bool is_awake = false;
    std::uint32_t answers = 0;
    SmallRandom& random;
};

namespace {

using sn::MsgType;
using Port = FaultyDatagram::Port;
using Out = std::vector<FaultyDatagram>;

constexpr std::size_t too_long_name = 10'000;
constexpr std::size_t longest_node_id = 252;
constexpr std::uint16_t short_sleep_s = 2;

namespace bits {
constexpr std::uint8_t qos = 0x60;
constexpr std::uint8_t will = 0x08;
constexpr std::uint8_t topic_type = 0x03;
}  // namespace bits

Buffer copy_of(Bytes octets) {
    return {octets.begin(), octets.end()};
}

Buffer frame_of(const sn::Packet& packet) {
    Buffer frame;
    const auto encoded = sn::encode(packet, too_long_name + 100, frame);
    return encoded ? frame : Buffer{};
}

// Of what follows the type octet.
std::size_t body_at(Bytes frame) {
    return frame[0] == std::byte{1} ? 4 : 2;
}

std::uint8_t below(SmallRandom& random, unsigned end) {
    return static_cast<std::uint8_t>(std::uniform_int_distribution<unsigned>(0, end - 1)(random));
}

bool is_any_of(MsgType type, std::initializer_list<MsgType> types) {
    return std::find(types.begin(), types.end(), type) != types.end();
}

unsigned qos_bits(const Occasion& occasion) {
    return std::to_integer<unsigned>(occasion.frame[body_at(occasion.frame)]) & bits::qos;
}

bool is_confirmed_publish(const Occasion& occasion) {
    return occasion.type == MsgType::publish && (qos_bits(occasion) == 0x20 || qos_bits(occasion) == 0x40);
}

bool leaves(Out& out, Buffer octets, Port from = Port::own) {
    out.push_back({std::move(octets), from});
    return true;
}

/// The frame first, then something else.
bool adds(const Occasion& occasion, Out& out, Buffer octets, Port from = Port::own) {
    leaves(out, copy_of(occasion.frame));
    return leaves(out, std::move(octets), from);
}

// ---- SN12C-5.2.1-b: the header and the datagram ----

bool long_header(Occasion& occasion, Out& out) {
    if (occasion.frame[0] == std::byte{1}) return false;
    Buffer frame(occasion.frame.size() + 2);
    frame[0] = std::byte{1};
    frame[1] = static_cast<std::byte>(frame.size() >> 8U);
    frame[2] = static_cast<std::byte>(frame.size() & 0xFFU);
    std::ranges::copy(occasion.frame.subspan(1), frame.begin() + 3);
    return leaves(out, std::move(frame));
}

bool with_length(const Occasion& occasion, Out& out, int length) {
    if (occasion.frame[0] == std::byte{1}) return false;
    Buffer frame = copy_of(occasion.frame);
    frame[0] = static_cast<std::byte>(length & 0xFF);
    return leaves(out, std::move(frame));
}

int length_of(const Occasion& occasion) {
    return std::to_integer<int>(occasion.frame[0]);
}

bool length_plus_1(Occasion& occasion, Out& out) {
    return with_length(occasion, out, length_of(occasion) + 1);
}
bool length_minus_1(Occasion& occasion, Out& out) {
    return with_length(occasion, out, length_of(occasion) - 1);
}
bool length_0(Occasion& occasion, Out& out) {
    return with_length(occasion, out, 0);
}
bool length_1(Occasion& occasion, Out& out) {
    return with_length(occasion, out, 1);
}
bool length_2(Occasion& occasion, Out& out) {
    return occasion.frame.size() != 2 && with_length(occasion, out, 2);
}
bool length_3(Occasion& occasion, Out& out) {
    return occasion.frame.size() != 3 && with_length(occasion, out, 3);
}

bool trailing_octets(Occasion& occasion, Out& out) {
    Buffer frame = copy_of(occasion.frame);
    frame.resize(frame.size() + 3);
    return leaves(out, std::move(frame));
}

bool two_in_one(Occasion& occasion, Out& out) {
    Buffer both = copy_of(occasion.frame);
    both.insert(both.end(), occasion.frame.begin(), occasion.frame.end());
    return leaves(out, std::move(both));
}

bool random_octets(Occasion& occasion, Out& out) {
    Buffer octets(below(occasion.random, 41));
    for (std::byte& each : octets)
        each = static_cast<std::byte>(below(occasion.random, 256));
    return adds(occasion, out, std::move(octets));
}

// Length and datagram agree, but the message ends too early.
bool truncated(Occasion& occasion, Out& out) {
    if (occasion.frame[0] == std::byte{1} || occasion.frame.size() < 3) return false;
    Buffer frame = copy_of(occasion.frame);
    frame.resize(2U + below(occasion.random, static_cast<unsigned>(frame.size()) - 2));
    frame[0] = static_cast<std::byte>(frame.size());
    return leaves(out, std::move(frame));
}

// ---- SN12C-5.3.4-a: the fields ----

bool with_flags(const Occasion& occasion, Out& out, unsigned set) {
    Buffer frame = copy_of(occasion.frame);
    frame[body_at(frame)] |= static_cast<std::byte>(set);
    return leaves(out, std::move(frame));
}

bool unused_flags(Occasion& occasion, Out& out) {
    switch (occasion.type) {
        case MsgType::connect:
            return with_flags(occasion, out, 0xF3);
        case MsgType::publish:
            return with_flags(occasion, out, 0x0C);
        case MsgType::subscribe:
            return with_flags(occasion, out, 0x1C);
        case MsgType::unsubscribe:
            return with_flags(occasion, out, 0xFC);
        default:
            return false;
    }
}

bool reserved_topic_type(Occasion& occasion, Out& out) {
    return is_any_of(occasion.type, {MsgType::publish, MsgType::subscribe, MsgType::unsubscribe}) &&
           with_flags(occasion, out, bits::topic_type);
}

bool subscribe_qos_minus_1(Occasion& occasion, Out& out) {
    return occasion.type == MsgType::subscribe && with_flags(occasion, out, bits::qos);
}

bool will_qos_minus_1(Occasion& occasion, Out& out) {
    if (occasion.type != MsgType::connect) return false;
    with_flags(occasion, out, bits::will);
    return leaves(out, frame_of(sn::WillTopic{Qos::minus_one, false, "fault/will"}));
}

// Where a request has its MsgId; nullopt for what has none.
std::optional<std::size_t> msg_id_at(const Occasion& occasion) {
    const std::size_t body = body_at(occasion.frame);
    if (is_any_of(occasion.type, {MsgType::subscribe, MsgType::unsubscribe})) return body + 1;
    if (occasion.type == MsgType::register_) return body + 2;
    if (is_confirmed_publish(occasion)) return body + 3;
    return std::nullopt;
}

bool msg_id_0(Occasion& occasion, Out& out) {
    const auto at = msg_id_at(occasion);
    if (!at) return false;
    Buffer frame = copy_of(occasion.frame);
    frame[*at] = frame[*at + 1] = std::byte{0};
    return leaves(out, std::move(frame));
}

bool reserved_topic_ids(Occasion& occasion, Out& out) {
    if (occasion.type != MsgType::publish) return false;
    Buffer frame = copy_of(occasion.frame);
    const std::size_t at = body_at(frame) + 1;
    frame[at] = frame[at + 1] = below(occasion.random, 2) == 0 ? std::byte{0} : std::byte{0xFF};
    return leaves(out, std::move(frame));
}

bool with_code(const Occasion& occasion, Out& out, unsigned code) {
    Buffer frame = copy_of(occasion.frame);
    frame.back() = static_cast<std::byte>(code);
    return leaves(out, std::move(frame));
}

bool reserved_return_codes(Occasion& occasion, Out& out) {
    return is_any_of(occasion.type, {MsgType::regack, MsgType::puback}) &&
           with_code(occasion, out, 4U + below(occasion.random, 252));
}

// ---- SN12C-6.2-d: addresses, identities and the handshake ----

bool new_port(Occasion& occasion, Out& out) {
    return leaves(out, copy_of(occasion.frame), Port::fresh);
}

bool new_port_connect(Occasion& occasion, Out& out) {
    if (occasion.last_connect.empty()) return false;
    leaves(out, copy_of(occasion.last_connect), Port::fresh);
    return leaves(out, copy_of(occasion.frame));
}

bool two_ids_one_port(Occasion& occasion, Out& out) {
    if (occasion.last_connect.empty()) return false;
    const auto connect = sn::decode(occasion.last_connect);
    if (!connect || !std::holds_alternative<sn::Connect>(*connect)) return false;
    sn::Connect other = std::get<sn::Connect>(*connect);
    const std::string id = std::string(other.client_id.substr(0, other.client_id.size() - 1)) + "~";
    other.client_id = id;
    return adds(occasion, out, frame_of(other));
}

bool one_id_two_ports(Occasion& occasion, Out& out) {
    return !occasion.last_connect.empty() && adds(occasion, out, copy_of(occasion.last_connect), Port::second);
}

bool connect_at_every_step(Occasion& occasion, Out& out) {
    if (occasion.type != MsgType::connect) return false;
    const Buffer topic = frame_of(sn::WillTopic{Qos::at_least_once, false, "fault/will"});
    with_flags(occasion, out, bits::will);
    const Buffer connect = out.back().octets;
    for (const Buffer& each : {connect, topic, connect, topic, frame_of(sn::WillMsg{as_bytes("gone")})})
        leaves(out, each);
    return leaves(out, copy_of(occasion.frame));
}

// ---- SN12C-6.5-c: exchanges and registrations ----

bool many_outstanding(Occasion& occasion, Out& out) {
    const auto at = msg_id_at(occasion);
    if (!at || occasion.type == MsgType::unsubscribe) return false;
    Buffer frame = copy_of(occasion.frame);
    leaves(out, frame);
    for (int more = 0; more < 3; ++more) {
        frame[*at] ^= std::byte{0x80};
        frame[*at + 1] = static_cast<std::byte>(below(occasion.random, 256));
        leaves(out, frame);
        frame[*at] ^= std::byte{0x80};
    }
    return true;
}

bool registers(const Occasion& occasion, Out& out, std::string_view name) {
    return is_any_of(occasion.type, {MsgType::register_, MsgType::publish}) &&
           adds(occasion, out, frame_of(sn::Register{0, 0x7001, name}));
}

bool register_wildcard(Occasion& occasion, Out& out) {
    return registers(occasion, out, below(occasion.random, 2) == 0 ? "fault/#" : "fault/+/x");
}
bool register_empty(Occasion& occasion, Out& out) {
    return registers(occasion, out, "");
}
bool register_invalid_utf8(Occasion& occasion, Out& out) {
    return registers(occasion, out, "fault/\xC3\x28");
}
bool register_too_long(Occasion& occasion, Out& out) {
    return registers(occasion, out, std::string(too_long_name, 'x'));
}

bool reject_register(Occasion& occasion, Out& out) {
    return occasion.type == MsgType::regack && with_code(occasion, out, 1U + below(occasion.random, 3));
}

// ---- SN12C-6.14-f: sleep ----

bool is_sleep(const Occasion& occasion) {
    return occasion.type == MsgType::disconnect && occasion.frame.size() > body_at(occasion.frame);
}

bool busy_asleep(Occasion& occasion, Out& out) {
    if (!is_sleep(occasion)) return false;
    const auto topic = sn::short_topic("fa");
    adds(occasion, out,
         frame_of(sn::Publish{false, Qos::at_least_once, false, sn::TopicIdType::short_name, topic, 0x7002, {}}));
    return leaves(out,
                  frame_of(sn::Subscribe{false, Qos::at_least_once, sn::TopicIdType::short_name, 0x7003, topic, {}}));
}

bool sleep_unfinished(Occasion& occasion, Out& out) {
    return is_confirmed_publish(occasion) && adds(occasion, out, frame_of(sn::Disconnect{short_sleep_s}));
}

bool silent_drain(Occasion& occasion, Out&) {
    return occasion.is_awake && occasion.answers > 1 &&
           is_any_of(occasion.type, {MsgType::regack, MsgType::puback, MsgType::pubrec, MsgType::pubcomp});
}

// ---- SN12C-5.5-b: encapsulation ----

Buffer wrapped(std::uint8_t ctrl, std::size_t node_id_size, Bytes inner) {
    Buffer frame(3 + node_id_size + inner.size(), std::byte{0x0A});
    frame[0] = static_cast<std::byte>(3 + node_id_size);
    frame[1] = std::byte{0xFE};
    frame[2] = static_cast<std::byte>(ctrl);
    std::ranges::copy(inner, frame.end() - static_cast<std::ptrdiff_t>(inner.size()));
    return frame;
}

bool empty_node_id(Occasion& occasion, Out& out) {
    return adds(occasion, out, wrapped(0, 0, occasion.frame));
}
bool long_node_id(Occasion& occasion, Out& out) {
    return adds(occasion, out, wrapped(0, longest_node_id, occasion.frame));
}
bool nested(Occasion& occasion, Out& out) {
    return adds(occasion, out, wrapped(0, 2, wrapped(0, 3, wrapped(0, 4, occasion.frame))));
}
bool inner_length(Occasion& occasion, Out& out) {
    Buffer inner = copy_of(occasion.frame);
    inner[0] ^= std::byte{0x04};
    return adds(occasion, out, wrapped(0, 2, inner));
}
bool reserved_ctrl(Occasion& occasion, Out& out) {
    return adds(occasion, out, wrapped(0xFC, 2, occasion.frame));
}

constexpr std::array table{
    Fault{"long-header", "SN12C-5.2.1-b", "a 3-octet header on short messages", long_header},
    Fault{"length-plus-1", "SN12C-5.2.1-b", "a Length that is one too large", length_plus_1},
    Fault{"length-minus-1", "SN12C-5.2.1-b", "a Length that is one too small", length_minus_1},
    Fault{"length-0", "SN12C-5.2.1-b", "Length 0", length_0},
    Fault{"length-1", "SN12C-5.2.1-b", "Length 1, which starts a 3-octet header", length_1},
    Fault{"length-2", "SN12C-5.2.1-b", "Length 2 on longer messages", length_2},
    Fault{"length-3", "SN12C-5.2.1-b", "Length 3 on other messages", length_3},
    Fault{"trailing-octets", "SN12C-5.2.1-b", "three octets behind the message", trailing_octets},
    Fault{"two-in-one", "SN12C-5.2.1-b", "two messages in one datagram", two_in_one},
    Fault{"random-octets", "SN12C-5.2.1-b", "a datagram of random octets besides", random_octets},
    Fault{"truncated", "SN12C-5.2.1-b", "messages too short for their type", truncated},
    Fault{"unused-flags", "SN12C-5.3.4-a", "all unused flag bits set", unused_flags},
    Fault{"reserved-topic-type", "SN12C-5.3.4-a", "TopicIdType 11", reserved_topic_type},
    Fault{"subscribe-qos-minus-1", "SN12C-5.3.4-a", "QoS -1 in SUBSCRIBE", subscribe_qos_minus_1},
    Fault{"will-qos-minus-1", "SN12C-5.3.4-a", "QoS -1 in WILLTOPIC", will_qos_minus_1},
    Fault{"msg-id-0", "SN12C-5.3.4-a", "MsgId 0 in requests", msg_id_0},
    Fault{"reserved-topic-ids", "SN12C-5.3.4-a", "the topic ids 0x0000 and 0xFFFF", reserved_topic_ids},
    Fault{"reserved-return-codes", "SN12C-5.3.4-a", "ReturnCodes from 4 on", reserved_return_codes},
    Fault{"new-port", "SN12C-6.2-d", "another source port in the middle of a session", new_port},
    Fault{"new-port-connect", "SN12C-6.2-d", "CONNECT from another source port in the middle of a session",
          new_port_connect},
    Fault{"two-ids-one-port", "SN12C-6.2-d", "CONNECT with another client id from the same port", two_ids_one_port},
    Fault{"one-id-two-ports", "SN12C-6.2-d", "CONNECT from a second port at the same time", one_id_two_ports},
    Fault{"connect-at-every-step", "SN12C-6.2-d", "CONNECT repeated at every step of the handshake",
          connect_at_every_step},
    Fault{"many-outstanding", "SN12C-6.5-c", "four REGISTER, SUBSCRIBE or PUBLISH at once", many_outstanding},
    Fault{"register-wildcard", "SN12C-6.5-c", "REGISTER of a wildcard", register_wildcard},
    Fault{"register-empty", "SN12C-6.5-c", "REGISTER of an empty name", register_empty},
    Fault{"register-invalid-utf8", "SN12C-6.5-c", "REGISTER of a name that is not UTF-8", register_invalid_utf8},
    Fault{"register-too-long", "SN12C-6.5-c", "REGISTER of a name of 10,000 octets", register_too_long},
    Fault{"reject-register", "SN12C-6.5-c", "REGACK with the codes 1, 2 and 3", reject_register},
    Fault{"busy-asleep", "SN12C-6.14-f", "PUBLISH and SUBSCRIBE while asleep", busy_asleep},
    Fault{"sleep-unfinished", "SN12C-6.14-f", "sleep with an exchange open", sleep_unfinished},
    Fault{"silent-drain", "SN12C-6.14-f", "no answer from the second message of a wake-up on", silent_drain},
    Fault{"empty-node-id", "SN12C-5.5-b", "encapsulated without a node id", empty_node_id},
    Fault{"long-node-id", "SN12C-5.5-b", "encapsulated with a node id of 252 octets", long_node_id},
    Fault{"nested", "SN12C-5.5-b", "encapsulated three times", nested},
    Fault{"inner-length", "SN12C-5.5-b", "encapsulated, the inner Length wrong", inner_length},
    Fault{"reserved-ctrl", "SN12C-5.5-b", "encapsulated, all reserved Ctrl bits set", reserved_ctrl},
};

}  // namespace

std::span<const Fault> faults() noexcept {
    return table;
}

const Fault* fault_named(std::string_view name) noexcept {
    const auto found = std::ranges::find(table, name, &Fault::name);
    return found == table.end() ? nullptr : &*found;
}

Misbehaviour::Misbehaviour(FaultOptions options, std::uint64_t seed)
    : options_(std::move(options)), random_(random_of(seed, 0, 2)), counts_(options_.faults.size()) {}

std::vector<FaultyDatagram> Misbehaviour::send(Bytes frame) {
    std::vector<FaultyDatagram> out;
    const auto type = type_of_frame(frame);
    if (type == MsgType::connect) last_connect_.assign(frame.begin(), frame.end());
    if (type == MsgType::connect || type == MsgType::disconnect) is_awake_ = false;
    if (type == MsgType::pingreq) {
        is_awake_ = frame.size() > 2;  // it names the client
        answers_ = 0;
    } else if (is_awake_) {
        ++answers_;
    }
    Occasion occasion{frame, type.value_or(MsgType::encapsulated), last_connect_, is_awake_, answers_, random_};
    const bool is_time = std::uniform_real_distribution<double>(0, 1)(random_) < options_.share;
    const std::size_t count = options_.faults.size();
    const std::size_t first =
        is_time && count > 0 ? std::uniform_int_distribution<std::size_t>(0, count - 1)(random_) : 0;
    for (std::size_t i = 0; type && is_time && i < count; ++i) {
        const std::size_t which = (first + i) % count;
        if (!options_.faults[which]->commit(occasion, out)) continue;
        ++counts_[which];
        return out;
    }
    leaves(out, copy_of(frame));
    return out;
}

}  // namespace mqttsn::node
