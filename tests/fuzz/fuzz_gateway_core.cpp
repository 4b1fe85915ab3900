// Invariant: whatever comes in, the gateway lives, all that it sends is well-formed and bounded, and timeout() makes
// progress.
#include "gateway/core/gateway.hpp"
#include "gateway/core/route.hpp"
#include "protocol/mqtt/stream_parser.hpp"
#include "protocol/sn/forwarder.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/gateway_script.hpp"

#include <deque>
#include <map>

namespace {

using namespace mqttsn;
using namespace mqttsn::gateway;
using fuzz::require;
using fuzz::Step;
namespace setting = fuzz::setting;

constexpr std::size_t client_limit = 6;

/// Everything small, so that every bound is reached.
Config config_of(std::uint8_t first, std::uint8_t second) {
    Config config;
    config.links.resize(2);
    config.links[0].name = "wide";
    config.links[1].name = "narrow";
    config.links[1].max_frame = 24;
    constexpr mqtt::Version versions[] = {mqtt::Version::v3_1, mqtt::Version::v3_1_1, mqtt::Version::v5,
                                          mqtt::Version::v5};
    config.broker.client.version = versions[first & setting::version];
    config.broker.client.max_in_flight = 3;
    config.broker.client.maximum_packet_size = 4096;
    const unsigned takeover = (first & setting::takeover) >> 4U;
    config.takeover = takeover == 3 ? Takeover::allow : static_cast<Takeover>(takeover);
    config.retry_exhausted = (first & setting::drop_exhausted) != 0 ? RetryExhausted::drop : RetryExhausted::lost;
    config.limits.client_id_assign = (first & setting::assign_ids) != 0;
    const unsigned will_update = second & setting::will_update;
    config.will_update = will_update == 3 ? WillUpdate::local : static_cast<WillUpdate>(will_update);
    config.timers.ping_probe = (second & setting::probe) != 0;
    config.forwarder.max_depth = (second & setting::nested) != 0 ? 2 : 1;
    if ((second & setting::expiry) != 0) config.timers.session_expiry = 1h;
    if ((second & setting::flood_guard) != 0) config.limits.frames_per_second_per_source = 2;
    if ((second & setting::keep_alive_limit) != 0) config.timers.keep_alive_max = 20s;
    config.limits.clients = client_limit;
    config.limits.topics_per_client = 4;
    config.limits.subscriptions_per_client = 4;
    config.limits.inflight_in = 2;
    config.limits.pending_subscriptions = 2;
    config.limits.queue_messages = 4;
    config.limits.queue_octets = 512;
    config.limits.pending_connects = 3;
    config.limits.pending_connects_per_source = 2;
    config.limits.tracked_sources = 3;
    config.awake.max_messages = 3;
    config.links[1].qos0_gap = 20ms;
    config.qos_minus_one.queue_messages = 3;
    config.qos_minus_one.allow_retain = true;
    config.topics = {{1, "predefined/1", "*"}, {2, "ab", "*"}, {3, "own", "c*"}};
    return config;
}

/// The gateway with its sockets. What it sends is judged, and answered if the settings say so.
class World {
public:
    World(std::uint8_t first, std::uint8_t second)
        : config_(config_of(first, second)),
          gateway_(config_, {}),
          broker_answers_((first & setting::broker_answers) != 0),
          session_present_((first & setting::session_present) != 0) {
        gateway_.start(now_, out_);
        settle(0);
    }

    void step(fuzz::Input& input);
    bool is_running() const { return is_running_; }

private:
    struct Socket {
        bool open = false;
        mqtt::StreamParser parser{1U << 20};
    };

    void on_datagram(std::uint8_t chooser, Bytes datagram);
    void on_broker_octets(std::uint8_t chooser, Bytes octets);
    void change_socket(std::uint8_t chooser);
    void advance(TimePoint target);
    void run_timers();
    /// Judges what an input of this size made the gateway send, and feeds it the broker's answers.
    void settle(std::size_t input_size);
    void check_bounds(std::size_t input_size) const;
    void check_frame(LinkId link, Bytes octets) const;
    void carry_out(const UpstreamOut& action, Bytes octets);
    void answer(UpstreamId id, const mqtt::Packet& packet);
    void reply(UpstreamId id, const mqtt::Packet& packet);
    std::map<UpstreamId, Socket>::iterator choose(std::uint8_t chooser);

    Config config_;
    Gateway gateway_;
    bool broker_answers_;
    bool session_present_;
    TimePoint now_ = TimePoint{} + 1000s;
    Outbox out_;
    std::map<UpstreamId, Socket> sockets_;
    struct Answer {
        UpstreamId id = 0;
        Buffer octets;  ///< empty: the socket is open
    };
    std::deque<Answer> answers_;
    UpstreamId last_opened_ = 0;
    bool is_running_ = true;
};

void World::step(fuzz::Input& input) {
    const std::uint8_t octet = input.octet();
    const auto chooser = static_cast<std::uint8_t>(octet >> fuzz::from_shift);
    switch (static_cast<Step>(octet & 7U)) {
        case Step::datagram:
            return on_datagram(octet, input.take(input.octet()));
        case Step::message: {
            const Bytes rest = input.take(std::min<std::size_t>(input.octet(), 254));
            Buffer message{static_cast<std::byte>(rest.size() + 1)};
            message.insert(message.end(), rest.begin(), rest.end());
            return on_datagram(octet, message);
        }
        case Step::broker_octets:
            return on_broker_octets(chooser, input.take(input.octet()));
        case Step::broker_packet: {
            Buffer packet{static_cast<std::byte>(input.octet())};
            const Bytes body = input.take(std::min<std::size_t>(input.octet(), 127));
            packet.push_back(static_cast<std::byte>(body.size()));
            packet.insert(packet.end(), body.begin(), body.end());
            return on_broker_octets(chooser, packet);
        }
        case Step::wait:
            return advance(now_ + std::chrono::milliseconds(fuzz::wait_unit_ms[chooser & 3U] * input.word()));
        case Step::next_deadline: {
            const auto next = gateway_.next_timeout();
            return advance(next ? std::max(*next, now_) : now_);
        }
        case Step::socket:
            return change_socket(chooser);
        case Step::shut_down:
            gateway_.shutdown(now_, out_);
            settle(0);
            is_running_ = false;
            return;
    }
}

void World::on_datagram(std::uint8_t chooser, Bytes datagram) {
    const auto from = static_cast<std::uint8_t>((chooser >> fuzz::from_shift) & 3U);
    const std::byte address[] = {std::byte{1}, static_cast<std::byte>(from)};
    const Endpoint endpoint{static_cast<LinkId>(from == 3 ? 1 : 0), Address(address)};
    Buffer whole;
    if ((chooser & fuzz::through_forwarder) != 0) sn::append_encapsulation(0, Bytes(address).last(1), whole);
    whole.insert(whole.end(), datagram.begin(), datagram.end());
    gateway_.on_frame({endpoint, std::nullopt}, whole, now_, out_);
    settle(whole.size());
}

std::map<UpstreamId, World::Socket>::iterator World::choose(std::uint8_t chooser) {
    if (sockets_.empty()) return sockets_.end();
    return std::next(sockets_.begin(), static_cast<std::ptrdiff_t>(chooser % sockets_.size()));
}

void World::on_broker_octets(std::uint8_t chooser, Bytes octets) {
    const auto found = choose(chooser);
    if (found == sockets_.end() || !found->second.open || octets.empty()) return;
    const Buffer copy(octets.begin(), octets.end());
    gateway_.on_upstream_data(found->first, copy, now_, out_);
    settle(octets.size());
}

void World::change_socket(std::uint8_t chooser) {
    const auto found = choose(static_cast<std::uint8_t>(chooser >> 1U));
    if (found == sockets_.end()) return;
    const UpstreamId id = found->first;
    if (!found->second.open && (chooser & 1U) == 0) {
        found->second.open = true;
        gateway_.on_upstream_open(id, now_, out_);
    } else {
        sockets_.erase(found);
        gateway_.on_upstream_closed(id, "gone", now_, out_);
    }
    settle(0);
}

void World::advance(TimePoint target) {
    // A long wait stops at a few deadlines on its way, then jumps as a suspended machine does.
    for (int stops = 0; stops < 16; ++stops) {
        const auto next = gateway_.next_timeout();
        if (!next || *next > target) break;
        now_ = std::max(now_, *next);
        run_timers();
    }
    now_ = target;
    run_timers();
}

void World::run_timers() {
    for (int rounds = 0; rounds < 16; ++rounds) {
        gateway_.timeout(now_, out_);
        settle(0);
        const auto next = gateway_.next_timeout();
        if (!next || *next > now_) return;
    }
    require(false, "timeout() makes progress: the next deadline comes to lie in the future");
}

void World::settle(std::size_t input_size) {
    for (int rounds = 0;; ++rounds) {
        require(rounds < 1000, "gateway and broker come to rest");
        check_bounds(input_size);
        const Outbox sent = std::exchange(out_, {});
        for (const auto& frame : sent.frames) {
            require(frame.offset + frame.size <= sent.octets.size(), "a frame lies inside the outbox");
            check_frame(frame.to.link, sent.view(frame.offset, frame.size));
        }
        for (const auto& action : sent.upstream) {
            require(action.offset + action.size <= sent.octets.size(), "broker octets lie inside the outbox");
            carry_out(action, sent.view(action.offset, action.size));
        }
        if (answers_.empty()) return;
        const Answer next = std::move(answers_.front());
        answers_.pop_front();
        const auto found = sockets_.find(next.id);
        input_size = next.octets.size();
        if (found == sockets_.end()) continue;
        if (next.octets.empty()) {
            found->second.open = true;
            gateway_.on_upstream_open(next.id, now_, out_);
        } else {
            gateway_.on_upstream_data(next.id, next.octets, now_, out_);
        }
    }
}

void World::check_bounds(std::size_t input_size) const {
    // One input may answer each message in it, and wake what waits for every client.
    require(out_.frames.size() <= 64 + input_size, "the number of frames is bounded");
    require(out_.upstream.size() <= 64 + input_size, "the number of broker actions is bounded");
    require(out_.log.size() <= 64 + input_size, "the number of log lines is bounded");
    require(out_.octets.size() <= 16384 + 16 * input_size, "the octets of one turn are bounded");
    require(gateway_.session_count() <= client_limit, "the number of sessions is bounded");
    require(sockets_.size() <= 2 * client_limit + 2, "the number of broker connections is bounded");
}

void World::check_frame(LinkId link, Bytes octets) const {
    require(link < config_.links.size(), "frames go to links that exist");
    require(octets.size() <= config_.links[link].max_frame, "no frame exceeds the link's packet limit");
    Route route;
    const auto inner = unwrap(octets, config_.forwarder.max_depth, route);
    require(inner.has_value(), "the encapsulation is well-formed");
    const auto packet = sn::decode(inner->message);
    require(packet.has_value(), "every frame is well-formed");
    const auto is_known = [](sn::ReturnCode code) { return code <= sn::ReturnCode::not_supported; };
    if (const auto* publish = std::get_if<sn::Publish>(&*packet)) {
        require(publish->qos != Qos::minus_one, "QoS -1 is never sent (SN12-5.3.4-d)");
        require((publish->msg_id == 0) == (publish->qos == Qos::at_most_once),
                "MsgId is 0 with QoS 0 only (SN12-5.3.7-d)");
        require(publish->type != sn::TopicIdType::reserved, "the reserved topic id type is never sent");
    }
    if (const auto* sleep = std::get_if<sn::Disconnect>(&*packet)) {
        require(!sleep->duration_s, "DISCONNECT never has a Duration (SN12-5.4.21-e)");
    }
    if (const auto* registration = std::get_if<sn::Register>(&*packet)) {
        require(!sn::is_reserved(registration->topic_id), "REGISTER carries a real id (SN12-6.10-c)");
        require(registration->topic_name.find_first_of("+#") == std::string_view::npos, "REGISTER carries no wildcard");
        require(registration->msg_id != 0, "a MsgId of the gateway is never 0 (SN12-5.3.7-c)");
    }
    if (const auto* connack = std::get_if<sn::Connack>(&*packet)) require(is_known(connack->code), "known return code");
    if (const auto* puback = std::get_if<sn::Puback>(&*packet)) require(is_known(puback->code), "known return code");
    if (const auto* suback = std::get_if<sn::Suback>(&*packet)) require(is_known(suback->code), "known return code");
    if (const auto* regack = std::get_if<sn::Regack>(&*packet)) require(is_known(regack->code), "known return code");
}

void World::carry_out(const UpstreamOut& action, Bytes octets) {
    switch (action.action) {
        case UpstreamAction::open:
            require(action.id > last_opened_, "no socket id is used twice");
            last_opened_ = action.id;
            sockets_[action.id];
            if (broker_answers_) answers_.push_back({action.id, {}});
            return;
        case UpstreamAction::send: {
            const auto found = sockets_.find(action.id);
            if (found == sockets_.end()) return;  // it was lost meanwhile
            require(found->second.open, "nothing is sent before the socket is open");
            found->second.parser.feed(octets);
            while (true) {
                const auto raw = found->second.parser.next();
                require(raw.has_value(), "broker octets are MQTT packets");
                if (!*raw) return;
                const auto packet = mqtt::decode(config_.broker.client.version, (*raw)->first_octet, (*raw)->body);
                require(packet.has_value(), "every packet to the broker is well-formed");
                if (broker_answers_) answer(action.id, *packet);
            }
        }
        case UpstreamAction::close:
        case UpstreamAction::abort:
            sockets_.erase(action.id);
            return;
    }
}

void World::answer(UpstreamId id, const mqtt::Packet& packet) {
    const bool is_v5 = config_.broker.client.version == mqtt::Version::v5;
    if (std::holds_alternative<mqtt::Connect>(packet)) {
        reply(id, mqtt::Connack{session_present_, 0, {}});
    } else if (const auto* publish = std::get_if<mqtt::Publish>(&packet)) {
        if (publish->qos == Qos::at_least_once) reply(id, mqtt::Puback{publish->packet_id, 0, {}});
        if (publish->qos == Qos::exactly_once) reply(id, mqtt::Pubrec{publish->packet_id, 0, {}});
    } else if (const auto* pubrel = std::get_if<mqtt::Pubrel>(&packet)) {
        reply(id, mqtt::Pubcomp{pubrel->packet_id, 0, {}});
    } else if (const auto* pubrec = std::get_if<mqtt::Pubrec>(&packet)) {
        reply(id, mqtt::Pubrel{pubrec->packet_id, 0, {}});
    } else if (const auto* subscribe = std::get_if<mqtt::Subscribe>(&packet)) {
        const auto granted = static_cast<mqtt::ReasonCode>(subscribe->topics.front().options & 3U);
        reply(id, mqtt::Suback{subscribe->packet_id, {granted}, {}});
    } else if (const auto* unsubscribe = std::get_if<mqtt::Unsubscribe>(&packet)) {
        reply(id, mqtt::Unsuback{unsubscribe->packet_id, std::vector<mqtt::ReasonCode>(is_v5 ? 1 : 0), {}});
    } else if (std::holds_alternative<mqtt::Pingreq>(packet)) {
        reply(id, mqtt::Pingresp{});
    }
}

void World::reply(UpstreamId id, const mqtt::Packet& packet) {
    Answer answer{id, {}};
    mqtt::encode(config_.broker.client.version, packet, answer.octets);
    answers_.push_back(std::move(answer));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t first = input.octet();
    World world(first, input.octet());
    while (!input.empty() && world.is_running())
        world.step(input);
    return 0;
}
