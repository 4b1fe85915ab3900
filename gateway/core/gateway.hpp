// The whole gateway as one state machine: frames, broker octets and time in; frames, broker octets and log lines out.
#pragma once

#include "gateway/core/config.hpp"
#include "gateway/core/counters.hpp"
#include "gateway/core/outbox.hpp"
#include "gateway/core/report.hpp"
#include "gateway/core/signal_quality.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace mqttsn::gateway {

/// Each input appends to the Outbox; the caller carries it out before the next input. Nothing throws for what peers do.
class Gateway {
public:
    /// Tells links apart by host for takeover = same_host, and names endpoints in log lines. May be empty.
    struct Naming {
        std::function<std::string(const Endpoint&)> to_string;
        std::function<bool(const Endpoint&, const Endpoint&)> same_host;
        /// What is told of a device on its topic (BridgeConfig::devices_prefix); not empty.
        std::function<std::string(const DeviceReport&)> describe;
    };

    Gateway(Config config, Naming naming);
    ~Gateway();
    Gateway(const Gateway&) = delete;
    Gateway& operator=(const Gateway&) = delete;

    /// A record of the store, given back before start(), in the order of the keys.
    void restore(const RecordKey& key, Bytes image);

    /// Opens the gateway's own broker connection (QoS −1, reachability for ADVERTISE), and those of restored sessions.
    void start(TimePoint now, Outbox& out);

    /// One datagram as it came from the link. May emit anything.
    void on_frame(const FrameInfo& info, Bytes datagram, TimePoint now, Outbox& out);

    /// The socket asked for by UpstreamAction::open is connected: emits the MQTT CONNECT.
    void on_upstream_open(UpstreamId id, TimePoint now, Outbox& out);
    /// Octets from the broker, in any split.
    void on_upstream_data(UpstreamId id, Bytes octets, TimePoint now, Outbox& out);
    /// The socket could not be opened, or is gone. `reason` is for the log. Stale ids are ignored.
    void on_upstream_closed(UpstreamId id, std::string_view reason, TimePoint now, Outbox& out);

    /// A frame with this token left its link, or never will; tokens out of date are ignored.
    void on_departed(FrameToken token, Departure departure, TimePoint now, Outbox& out);
    /// The largest frame that this link carries, as soon as it is known better than from the configuration.
    void set_link_limit(LinkId link, std::size_t octets) noexcept;

    /// Fires every deadline that is due. Calling early is harmless.
    void timeout(TimePoint now, Outbox& out);
    /// When timeout() has something to do next; never earlier than the last `now`.
    std::optional<TimePoint> next_timeout() const noexcept;

    /// The disk takes nothing for now, or it does again. Meanwhile whatever would need it is refused with "congestion":
    /// CONNECT, new topic ids, SUBSCRIBE, QoS 2, and messages for the store. The rest goes on.
    void set_store_failing(bool failing) noexcept;

    /// From the next input on. Nobody is disconnected, and nothing that is above a lower limit already is taken away. A
    /// subscription through a predefined id that now means something else goes on under a normal id.
    void reconfigure(Reconfiguration changed);

    /// Orderly end (SIGTERM): DISCONNECT to the broker, no wills (SN12-6.4-g), and to active clients. With a store the
    /// clients are told nothing: the gateway that starts again knows them.
    void shutdown(TimePoint now, Outbox& out);

    const Counters& counters() const noexcept;
    std::size_t session_count() const noexcept;
    /// Clients whose links report signals, in no order.
    std::vector<DeviceSignal> signals() const;
    /// The gateway's own connection stands.
    bool is_broker_connected() const noexcept;
    const Traffic& traffic() const noexcept;
    /// These two look at every session: for operators' requests, not for every frame.
    Totals totals() const;
    std::vector<DeviceReport> devices(std::string_view after, std::size_t limit, TimePoint now) const;

private:
    class State;
    std::unique_ptr<State> state_;
};

}  // namespace mqttsn::gateway
