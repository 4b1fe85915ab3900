// The benchmark's own MQTT 3.1.1 connection: where arrivals are counted, and where messages down come from. It does
// less than mqtt::Client and needs constant time per message: it never reconnects, so nothing is kept to be sent again.
#pragma once

#include "protocol/mqtt/stream_parser.hpp"

#include <bitset>
#include <string>

namespace mqttsn::tools::benchmark {

class BrokerLink {
public:
    BrokerLink() : input_(65536) {}
    ~BrokerLink() { close(); }
    BrokerLink(const BrokerLink&) = delete;
    BrokerLink& operator=(const BrokerLink&) = delete;

    /// "mqtt://HOST[:PORT]"; waits for the TCP connection, not for CONNACK. Error text otherwise.
    std::optional<std::string> open(const std::string& url, std::string_view client_id);
    void close();

    bool is_open() const noexcept { return socket_ >= 0; }
    int socket() const noexcept { return socket_; }
    bool is_connected() const noexcept { return connected_; }     ///< CONNACK
    bool is_subscribed() const noexcept { return subscribed_; }   ///< SUBACK of the last subscribe()
    const std::string& error() const noexcept { return error_; }  ///< why the connection is of no use any more

    void subscribe(std::string_view filter, Qos qos);
    /// False: 65535 messages are on their way, nothing was appended.
    bool publish(std::string_view topic, Bytes payload, Qos qos);
    void disconnect();

    /// Hands what was appended to the system. What does not fit stays: wants_to_write().
    void flush();
    bool wants_to_write() const noexcept { return written_ < output_.size(); }
    /// More than a socket's worth is waiting: publish later.
    bool is_congested() const noexcept { return output_.size() - written_ > 1U << 20U; }

    /// Reads once what is there; each PUBLISH goes to `on_message(const mqtt::Publish&)`.
    template <class F>
    void receive(F&& on_message) {
        if (!read_some()) return;
        while (auto packet = next_packet()) {
            if (const auto* publish = std::get_if<mqtt::Publish>(&*packet)) {
                if (publish->qos == Qos::at_least_once)
                    mqtt::encode_acknowledgement(mqtt::PacketType::puback, publish->packet_id, output_);
                on_message(*publish);
            } else {
                handle(*packet);
            }
        }
    }

private:
    bool read_some();
    std::optional<mqtt::Packet> next_packet();
    void handle(const mqtt::Packet& packet);
    void fail(std::string text);

    int socket_ = -1;
    Buffer input_;
    Buffer output_;
    std::size_t written_ = 0;  // of output_
    mqtt::StreamParser parser_{1U << 20U};
    std::bitset<65536> on_the_way_;  // packet ids
    std::size_t in_flight_ = 0;
    mqtt::PacketId last_id_ = 0;
    bool connected_ = false;
    bool subscribed_ = false;
    std::string error_;
};

}  // namespace mqttsn::tools::benchmark
