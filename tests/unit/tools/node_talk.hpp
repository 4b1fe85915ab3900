// One node client in virtual time; the test is its gateway. Frames and events are compared as text.
#pragma once

#include "protocol/sn/v12_codec.hpp"
#include "tools/node/client.hpp"

#include <string>
#include <vector>

namespace mqttsn::node {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

/// "SUBSCRIBE q1 #3 a/b": what the frame says; "malformed" when it cannot be decoded.
std::string describe(Bytes frame);
std::string describe(const Event& event);

class NodeTalk {
public:
    explicit NodeTalk(ClientOptions options = options_of("node"));

    static ClientOptions options_of(std::string client_id);

    /// The gateway sends; the answers are checked with sent().
    void receives(const sn::Packet& packet);
    void receives_octets(Bytes datagram) { client.receive(datagram, now, out); }
    /// The clock moves to each deadline on the way, as the event loop would.
    void wait(Duration duration);
    /// What was sent, and what happened, since the last call.
    Texts sent();
    Texts events();
    /// Connects and forgets what was said.
    void connect();

    Client client;
    Outbox out;
    TimePoint now = TimePoint{} + 1h;
};

Buffer octets(std::string_view text);

}  // namespace mqttsn::node
