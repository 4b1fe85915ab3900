// One MQTT connection to the broker: when to open its socket, and the MQTT client speaking on it.
#pragma once

#include "gateway/core/config.hpp"
#include "gateway/core/outbox.hpp"
#include "gateway/core/random.hpp"

#include <utility>

namespace mqttsn::gateway {

class Upstream {
public:
    enum class Phase : std::uint8_t {
        closed,     ///< nothing wanted
        opening,    ///< the socket is being connected
        handshake,  ///< CONNECT sent, CONNACK outstanding
        ready,
        waiting,  ///< back-off before the next attempt
    };

    /// `owner` is the client that speaks on it; 0 = the gateway itself.
    Upstream(const mqtt::ClientOptions& options, ClientKey owner) : client_(options), owner_(owner) {}

    Phase phase() const noexcept { return phase_; }
    bool is_ready() const noexcept { return phase_ == Phase::ready; }
    UpstreamId id() const noexcept { return id_; }
    bool is_clean() const noexcept { return clean_; }
    /// Whether a CONNECT went without its CONNACK since the last call: the broker may have begun a session that the
    /// next CONNACK calls present.
    bool take_unanswered() noexcept { return std::exchange(unanswered_, false); }
    /// Whether one is on its way, or went so.
    bool is_unanswered() const noexcept { return unanswered_ || phase_ == Phase::handshake; }

    mqtt::Client& client() noexcept { return client_; }
    const mqtt::Client& client() const noexcept { return client_; }

    /// Asks for a socket named `id` and remembers how to CONNECT on it. Emits open.
    void open(UpstreamId id, bool clean, Outbox& out);
    /// The socket is connected: emits the MQTT CONNECT.
    void connect(const mqtt::ConnectRequest& request, TimePoint now, Outbox& out);
    /// CONNACK 0 came.
    void accepted() noexcept { phase_ = Phase::ready; }
    /// The next back-off is the shortest again.
    void end_outage() noexcept { failures_ = 0; }

    /// MQTT DISCONNECT, then an orderly close: the broker discards the will.
    void disconnect(mqtt::ReasonCode reason, Outbox& out);
    /// Closes without DISCONNECT: the broker publishes the will.
    void abort(Outbox& out);
    /// The socket is gone.
    void lost() noexcept;
    /// Waits with jittered exponential back-off; the next attempt is due at the returned time.
    TimePoint back_off(const Timers& timers, Random& random, TimePoint now);

    /// Runs f(client, wire) and sends what it appended to the wire.
    template <class F>
    decltype(auto) write(Outbox& out, F&& f) {
        const Scope scope(*this, out);
        return f(client_, out.octets);
    }

private:
    class Scope {
    public:
        Scope(const Upstream& upstream, Outbox& out) noexcept
            : upstream_(upstream), out_(out), begin_(out.octets.size()) {}
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;
        ~Scope();

    private:
        const Upstream& upstream_;
        Outbox& out_;
        std::size_t begin_;
    };

    mqtt::Client client_;
    UpstreamId id_ = 0;
    ClientKey owner_ = 0;
    void close() noexcept;

    std::uint16_t failures_ = 0;
    Phase phase_ = Phase::closed;
    bool clean_ = true;
    bool unanswered_ = false;
};

}  // namespace mqttsn::gateway
