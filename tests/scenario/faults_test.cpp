// Nodes that break the rules in every way of the checklist's last table, beside one that keeps to them.
#include "tools/node/faults.hpp"
#include "tests/support/talk.hpp"
#include "tools/node/client.hpp"

namespace faults_test {

using namespace mqttsn;
using namespace mqttsn::test;

namespace {

gateway::Config quiet() {
    auto config = Talk::config();
    for (auto& link : config.links)
        link.advertise = false;
    return config;
}

/// The client of the simulator with its faults, each port a device of the conversation.
class Culprit {
public:
    Culprit(Talk& talk, node::FaultOptions faults, std::uint64_t seed)
        : talk_(talk), client_(options()), misbehaviour_(std::move(faults), seed) {}

    template <class Request>
    void act(Request&& request) {
        request(client_, talk_.now(), out_);
        carry_out();
    }
    void lives_on() {
        client_.timeout(talk_.now(), out_);
        carry_out();
        for (const std::uint8_t port : ports_) {
            if (port != own_) talk_.device(port).discards();  // nobody listens there any more
        }
    }
    std::uint8_t port() const { return own_; }
    std::uint64_t committed() const { return misbehaviour_.counts().at(0); }

private:
    static node::ClientOptions options() {
        node::ClientOptions options;
        options.client_id = "culprit";
        options.clean_session = false;
        options.keep_alive_s = 30;
        return options;
    }

    void carry_out() {
        do {
            for (const auto& frame : std::exchange(out_.frames, {})) {
                for (const auto& each : misbehaviour_.send(frame))
                    transmit(each);
            }
            react();
            const Device device = talk_.device(own_);
            if (device.has_frames()) client_.receive(device.next_datagram(), talk_.now(), out_);
        } while (!out_.frames.empty() || !out_.events.empty() || talk_.device(own_).has_frames());
    }

    void transmit(const node::FaultyDatagram& datagram) {
        using Port = node::FaultyDatagram::Port;
        if (datagram.from == Port::fresh) {
            own_ = own_ == last_port ? first_port : static_cast<std::uint8_t>(own_ + 1);
        }
        const std::uint8_t port = datagram.from == Port::second ? second_port : own_;
        ports_.insert(port);
        talk_.device(port).sends(datagram.octets);
    }

    // The client connects again by itself in all other cases.
    void react() {
        for (const auto& event : std::exchange(out_.events, {})) {
            if (std::holds_alternative<node::Lost>(event) || std::holds_alternative<node::Rejected>(event))
                client_.connect(talk_.now(), out_);
        }
    }

    static constexpr std::uint8_t second_port = 9;
    static constexpr std::uint8_t first_port = 10;
    static constexpr std::uint8_t last_port = 250;
    Talk& talk_;
    node::Client client_;
    node::Misbehaviour misbehaviour_;
    node::Outbox out_;
    std::uint8_t own_ = first_port;
    std::set<std::uint8_t> ports_;  ///< that it had so far
};

/// Both directions, QoS 1: what it says arrives once, what is said to it likewise.
class Neighbour {
public:
    explicit Neighbour(Talk& talk) : talk_(talk), device_(talk.device(1)) {
        device_.connects("neighbour", true, 0);
        up_ = device_.registers("up");
        down_ = device_.subscribes("down", Qos::at_least_once);
        talk.heard();
    }
    void is_served(sn::MsgId number) {
        device_.sends(
            sn::Publish{false, Qos::at_least_once, false, sn::TopicIdType::normal, up_, number, as_bytes("x")});
        device_.expects(sn::Puback{up_, number, sn::ReturnCode::accepted});
        CHECK(talk_.heard("neighbour") == Lines{"PUBLISH q1 up x"});
        talk_.broker_publishes("neighbour", "down", "y", Qos::at_least_once, number);
        const auto packet = device_.next();
        const auto* message = std::get_if<sn::Publish>(&packet);
        REQUIRE(message != nullptr);
        CHECK((message->topic_id == down_ && as_text(message->data) == "y" && !message->dup));
        device_.sends(sn::Puback{down_, message->msg_id, sn::ReturnCode::accepted});
        CHECK(talk_.heard("neighbour") == Lines{"PUBACK"});
        device_.expects_nothing();
    }

private:
    Talk& talk_;
    Device device_;
    sn::TopicId up_ = 0;
    sn::TopicId down_ = 0;
};

}  // namespace

TEST_CASE("a node that breaks the rules harms nobody else, and is welcome once it keeps to them",
          "[SN12C-5.2.1-b][SN12C-5.3.4-a][SN12C-6.2-d][SN12C-6.5-c][SN12C-6.14-f][SN12C-5.5-b]") {
    for (const node::Fault& fault : node::faults()) {
        CAPTURE(fault.name);
        Talk talk(quiet());
        Neighbour neighbour(talk);
        Culprit culprit(talk, {{&fault}, 0.6}, 1);
        culprit.act([](auto& client, TimePoint now, auto& out) { client.connect(now, out); });
        std::uint16_t packet_id = 0;
        for (sn::MsgId step = 1; step <= 120; ++step) {
            talk.advance(2s);
            culprit.lives_on();
            culprit.act([&](auto& client, TimePoint now, auto& out) {
                const auto qos = static_cast<Qos>(step % 3);
                const std::string topic = "c/" + std::to_string(step % 7);
                if (step % 10 < 3) client.publish(topic, bytes("x"), qos, false, now, out);
                if (step % 20 == 3) client.subscribe("c/+", Qos::exactly_once, now, out);
                if (step % 20 == 5) client.sleep(8, now, out);
                if (step % 20 == 18) client.connect(now, out);
            });
            if (talk.is_connected("culprit")) {
                talk.broker_publishes("culprit", "c/9", "z", static_cast<Qos>(step % 3), ++packet_id);
                culprit.lives_on();
            }
            neighbour.is_served(step);
        }
        CHECK(culprit.committed() > 0);
        CHECK(talk.gateway().session_count() <= 8);  // those behind forwarders and of other names are gone
        culprit.lives_on();
        const Device reformed = talk.device(251);
        reformed.connects("culprit");
        const auto topic = reformed.registers("good");
        reformed.sends(sn::Publish{false, Qos::at_least_once, false, sn::TopicIdType::normal, topic, 1, as_bytes("x")});
        reformed.expects(sn::Puback{topic, 1, sn::ReturnCode::accepted});
        culprit.lives_on();
        talk.device(culprit.port()).discards();
    }
}

}  // namespace faults_test
