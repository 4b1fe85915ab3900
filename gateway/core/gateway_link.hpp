// The gateway's own MQTT connection: it carries PUBLISH QoS −1 (SN 6.8, 7.1) and tells whether the broker can be
// reached.
#pragma once

#include "gateway/core/core.hpp"
#include "gateway/core/device_status.hpp"
#include "gateway/core/rate_limit.hpp"

#include <deque>

namespace mqttsn::gateway {

class GatewayLink {
public:
    explicit GatewayLink(const Config& config);
    /// The limits are others now.
    void reconfigure(const Config& config);

    void start(Turn& turn);
    void stop(Turn& turn);
    bool is_ready() const noexcept { return upstream_.is_ready(); }
    bool owns(UpstreamId id) const noexcept { return id != 0 && id == upstream_.id(); }

    void opened(Turn& turn);
    void received(Bytes octets, Turn& turn);
    void closed(std::string_view reason, Turn& turn);

    /// A PUBLISH QoS −1 from anyone; `client` is bound to the source, or null. Never emits a frame (SN12-6.8-c).
    void publish(const Route& route, const Session* client, const sn::Publish& packet, Turn& turn);

    /// A session was touched, or it has ended: what is told of it may have changed.
    void touched(Session& session, Turn& turn) { devices_.touched(session, turn); }
    void ended(const Session& session, Turn& turn) { devices_.ended(session, turn); }
    /// Publishes what is to be told of devices now.
    void tell_devices(Turn& turn);

    void timeout(Turn& turn);
    std::optional<TimePoint> next_timeout() const noexcept;

private:
    struct Message {
        std::string topic;
        Buffer payload;
        bool retain = false;
    };

    void open(Turn& turn);
    void handle_events(Turn& turn);
    void fail(std::string reason, Turn& turn);
    void introduce(Turn& turn);
    void tell(std::string_view topic, std::string_view text, Turn& turn);
    void listen(Turn& turn);
    void stop_listening(Turn& turn);
    void send(const Message& message, Turn& turn);
    bool is_allowed(const Endpoint& source, const Turn& turn) const;

    Upstream upstream_;
    std::optional<mqtt::Will> will_;
    std::deque<Message> waiting_;
    SourceRateLimit per_source_;
    std::vector<mqtt::Event> events_;
    std::optional<TimePoint> attempt_ends_;
    std::optional<TimePoint> next_attempt_;
    std::optional<TimePoint> connected_at_;
    DeviceStatus devices_;
    std::optional<TimePoint> listens_until_;  ///< to retained messages about devices
    bool may_listen_ = true;
    std::vector<std::string> failures_logged_;  ///< of this outage
};

}  // namespace mqttsn::gateway
