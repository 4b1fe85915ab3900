#include "tests/bench/core_rig.hpp"

#include "protocol/mqtt/codec.hpp"
#include "protocol/sn/v12_codec.hpp"

#include <fmt/format.h>

#include <array>
#include <cassert>

namespace mqttsn::test {

namespace {

constexpr std::size_t nobody = SIZE_MAX;
constexpr std::string_view text = "{\"t\":21.5,\"rh\":48.2,\"v\":3.012}.";  // 32 octets, as a sensor's reading
constexpr std::string_view topic = "barn/north/7/command";

unsigned high(std::uint16_t word) {
    return word >> 8U;
}
unsigned low(std::uint16_t word) {
    return word & 0xFFU;
}
std::uint16_t word(Bytes octets, std::size_t at) {
    return static_cast<std::uint16_t>((static_cast<unsigned>(octets[at]) << 8U) |
                                      static_cast<unsigned>(octets[at + 1]));
}

Endpoint endpoint_of(std::size_t client) {
    std::array<std::byte, 6> octets{};
    for (std::size_t i = 0; i < 4; ++i)
        octets[i] = static_cast<std::byte>(client >> (8U * i));
    return {0, Address(octets)};
}
std::size_t client_of(const Endpoint& endpoint) {
    std::size_t client = 0;
    for (std::size_t i = 0; i < 4; ++i)
        client |= static_cast<std::size_t>(endpoint.address.octets()[i]) << (8U * i);
    return client;
}

}  // namespace

gateway::Config CoreRig::config() {
    gateway::Config config;
    config.links.emplace_back();
    config.links.front().name = "test";
    return config;
}

CoreRig::CoreRig(gateway::Config config) : config_(std::move(config)), gateway_(config_, {}) {
    speaking_ = nobody;
    clients_.reserve(4096);  // so that memory per client is the core's
    client_of_.reserve(4096);
    gateway_.start(now_, out_);
    gate_.pass(out_, 0, *this);
    out_.clear();
    settle();
}

void CoreRig::add_clients(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t client = clients_.size();
        clients_.push_back({fmt::format("node-{:05}", client), endpoint_of(client)});
        connects(client);
    }
}

void CoreRig::connects(std::size_t client) {
    // Longer than a CONNECT may be a repetition of the last one.
    now_ += std::chrono::seconds(45);
    client_sends(client, sn::Connect{false, true, sn::protocol_id, 0, clients_[client].id});
}

void CoreRig::registers(std::size_t client) {
    client_sends(client, sn::Register{0, ++clients_[client].last_msg_id, "barn/north/7/reading"});
}

void CoreRig::subscribes(std::size_t client) {
    client_sends(client, sn::Subscribe{false, Qos::exactly_once, sn::TopicIdType::normal,
                                       ++clients_[client].last_msg_id, 0, topic});
}

void CoreRig::publishes(std::size_t client, Qos qos) {
    Client& self = clients_[client];
    if (qos == Qos::minus_one) now_ += std::chrono::milliseconds(20);  // its rate is limited
    sn::Publish packet{.qos = qos, .topic_id = self.topic_id, .data = as_bytes(text)};
    if (qos == Qos::minus_one) {
        packet.type = sn::TopicIdType::short_name;
        packet.topic_id = sn::short_topic("ab");
    } else if (qos != Qos::at_most_once) {
        if (++self.last_msg_id == 0) ++self.last_msg_id;
        packet.msg_id = self.last_msg_id;
    }
    client_sends(client, packet);
}

void CoreRig::is_sent(std::size_t client, Qos qos) {
    broker_publishes(client, qos);
    settle();
}

void CoreRig::pings(std::size_t client) {
    client_sends(client, sn::Pingreq{});
}

void CoreRig::sleeps_and_wakes(std::size_t client) {
    client_sends(client, sn::Disconnect{std::uint16_t{60}});
    is_sent(client, Qos::at_least_once);
    client_sends(client, sn::Pingreq{clients_[client].id});
}

void CoreRig::client_sends(std::size_t client, const sn::Packet& packet) {
    speaking_ = client;
    const std::size_t offset = input_octets_.size();
    const bool encoded = sn::encode(packet, 65535, input_octets_).has_value();
    assert(encoded);
    static_cast<void>(encoded);
    inputs_.push_back({Input::Kind::frame, client, 0, offset, input_octets_.size() - offset});
    settle();
}

void CoreRig::broker_sends(gateway::UpstreamId upstream, std::initializer_list<unsigned> octets) {
    const std::size_t offset = input_octets_.size();
    for (const unsigned each : octets)
        input_octets_.push_back(static_cast<std::byte>(each));
    inputs_.push_back({Input::Kind::data, nobody, upstream, offset, octets.size()});
}

void CoreRig::broker_publishes(std::size_t client, Qos qos) {
    Client& self = clients_[client];
    speaking_ = client;
    mqtt::Publish packet{.qos = qos, .topic = topic, .properties = {}, .payload = as_bytes(text)};
    if (qos != Qos::at_most_once) {
        if (++self.last_packet_id == 0) ++self.last_packet_id;
        packet.packet_id = self.last_packet_id;
    }
    const std::size_t offset = input_octets_.size();
    mqtt::encode_publish(config_.broker.client.version, packet, input_octets_);
    inputs_.push_back({Input::Kind::data, nobody, self.upstream, offset, input_octets_.size() - offset});
}

// The gateway's link has no client.
void CoreRig::leave(const gateway::FrameOut& frame, Bytes octets) {
    if (frame.broadcast) return;
    outputs_.push_back({true, client_of(frame.to), 0, output_octets_.size(), octets.size()});
    output_octets_.insert(output_octets_.end(), octets.begin(), octets.end());
}

void CoreRig::leave(const gateway::UpstreamOut& action, Bytes octets) {
    if (action.action == gateway::UpstreamAction::open) {
        client_of_.resize(action.id + 1U, nobody);
        client_of_[action.id] = speaking_;
        if (speaking_ != nobody) clients_[speaking_].upstream = action.id;
        inputs_.push_back({Input::Kind::opened, nobody, action.id, 0, 0});
    } else if (action.action == gateway::UpstreamAction::send) {
        outputs_.push_back({false, nobody, action.id, output_octets_.size(), octets.size()});
        output_octets_.insert(output_octets_.end(), octets.begin(), octets.end());
    }
}

void CoreRig::overflowed(gateway::UpstreamId) {
    assert(false && "the disk of the rig is quick");
}

void CoreRig::client_answers(std::size_t client, Bytes frame) {
    Client& self = clients_[client];
    const auto packet = sn::decode(frame);
    assert(packet.has_value());
    const auto reply = [&](const sn::Packet& answer) {
        const std::size_t offset = input_octets_.size();
        static_cast<void>(sn::encode(answer, 65535, input_octets_));
        inputs_.push_back({Input::Kind::frame, client, 0, offset, input_octets_.size() - offset});
    };
    if (const auto* publish = std::get_if<sn::Publish>(&*packet)) {
        if (publish->qos == Qos::at_least_once) {
            reply(sn::Puback{publish->topic_id, publish->msg_id, sn::ReturnCode::accepted});
        } else if (publish->qos == Qos::exactly_once) {
            reply(sn::Pubrec{publish->msg_id});
        }
    } else if (const auto* pubrec = std::get_if<sn::Pubrec>(&*packet)) {
        reply(sn::Pubrel{pubrec->msg_id});
    } else if (const auto* pubrel = std::get_if<sn::Pubrel>(&*packet)) {
        reply(sn::Pubcomp{pubrel->msg_id});
    } else if (const auto* announced = std::get_if<sn::Register>(&*packet)) {
        reply(sn::Regack{announced->topic_id, announced->msg_id, sn::ReturnCode::accepted});
    } else if (const auto* regack = std::get_if<sn::Regack>(&*packet)) {
        self.topic_id = regack->topic_id;
    }
}

void CoreRig::broker_hears(gateway::UpstreamId upstream, Bytes octets) {
    while (!octets.empty()) {
        std::size_t at = 1;
        std::size_t size = 0;
        for (unsigned shift = 0;; shift += 7) {
            const auto each = static_cast<std::size_t>(octets[at++]);
            size |= (each & 0x7FU) << shift;
            if ((each & 0x80U) == 0) break;
        }
        broker_answers(upstream, static_cast<unsigned>(octets[0]), octets.subspan(at, size));
        octets = octets.subspan(at + size);
    }
}

void CoreRig::broker_answers(gateway::UpstreamId upstream, unsigned first_octet, Bytes body) {
    const bool is_v5 = config_.broker.client.version == mqtt::Version::v5;
    const auto answer = [&](unsigned first, std::uint16_t id) {
        broker_sends(upstream, {first, 2, high(id), low(id)});
    };
    switch (static_cast<mqtt::PacketType>(first_octet >> 4U)) {
        case mqtt::PacketType::connect:
            if (is_v5) return broker_sends(upstream, {0x20, 3, 0, 0, 0});
            return broker_sends(upstream, {0x20, 2, 0, 0});
        case mqtt::PacketType::publish: {
            const unsigned qos = (first_octet >> 1U) & 3U;
            const std::size_t id_at = 2U + word(body, 0);
            if (qos != 0) answer(qos == 1 ? 0x40 : 0x50, word(body, id_at));
            return;
        }
        case mqtt::PacketType::pubrec:
            return answer(0x62, word(body, 0));
        case mqtt::PacketType::pubrel:
            return answer(0x70, word(body, 0));
        case mqtt::PacketType::subscribe: {
            const auto granted = static_cast<unsigned>(body.back());
            if (is_v5) {
                return broker_sends(
                    upstream, {0x90, 4, static_cast<unsigned>(body[0]), static_cast<unsigned>(body[1]), 0, granted});
            }
            return broker_sends(upstream,
                                {0x90, 3, static_cast<unsigned>(body[0]), static_cast<unsigned>(body[1]), granted});
        }
        default:
            return;
    }
}

[[gnu::noinline]] void CoreRig::turn(const Input& input) {
    const Bytes octets = Bytes(turn_octets_);
    switch (input.kind) {
        case Input::Kind::frame:
            gateway_.on_frame({clients_[input.client].endpoint, std::nullopt}, octets, now_, out_);
            break;
        case Input::Kind::opened:
            gateway_.on_upstream_open(input.upstream, now_, out_);
            break;
        case Input::Kind::data:
            gateway_.on_upstream_data(input.upstream, octets, now_, out_);
            break;
    }
    gate_.pass(out_, ++last_commit_, *this);
    out_.clear();
}

void CoreRig::settle() {
    for (std::size_t next = 0; next < inputs_.size(); ++next) {
        const Input input = inputs_[next];
        turn_octets_.assign(input_octets_.begin() + static_cast<std::ptrdiff_t>(input.offset),
                            input_octets_.begin() + static_cast<std::ptrdiff_t>(input.offset + input.size));
        now_ += std::chrono::microseconds(100);
        turn(input);
        gate_.committed(last_commit_, *this);
        for (const Output& each : outputs_) {
            const Bytes said = Bytes(output_octets_).subspan(each.offset, each.size);
            if (each.is_frame) {
                client_answers(each.client, said);
            } else {
                broker_hears(each.upstream, said);
            }
        }
        outputs_.clear();
        output_octets_.clear();
    }
    inputs_.clear();
    input_octets_.clear();
}

}  // namespace mqttsn::test
