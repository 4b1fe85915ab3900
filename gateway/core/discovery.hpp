// Gateway advertisement and discovery (SN 6.1).
#pragma once

#include "gateway/core/core.hpp"
#include "gateway/core/rate_limit.hpp"

namespace mqttsn::gateway {

class Discovery {
public:
    explicit Discovery(const Config& config);
    /// The limits are others now.
    void reconfigure(const Config& config);

    /// Only a gateway with a broker is worth finding (SN12-6.1-b). Becoming reachable emits the first ADVERTISE.
    void set_reachable(bool reachable, Turn& turn);

    /// Emits GWINFO unless limited (SN12-6.1-c, SN12-6.1-f).
    void search(const Route& route, const sn::SearchGw& packet, Turn& turn);
    /// Another gateway's ADVERTISE: only a conflict of ids matters (SN12-6.1-e).
    void hear(const Route& route, const sn::Advertise& packet, Turn& turn);

    void timeout(Turn& turn);
    std::optional<TimePoint> next_timeout() const noexcept { return advertise_at_; }

private:
    void advertise(Turn& turn);

    std::optional<TimePoint> advertise_at_;
    bool reachable_ = false;
    RateLimit total_;
    SourceRateLimit per_source_;
};

}  // namespace mqttsn::gateway
