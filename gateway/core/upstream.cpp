#include "gateway/core/upstream.hpp"

#include <algorithm>

namespace mqttsn::gateway {

Upstream::Scope::~Scope() {
    const std::size_t size = out_.octets.size() - begin_;
    if (size == 0) return;
    if (!out_.upstream.empty()) {
        auto& last = out_.upstream.back();
        const bool contiguous = last.offset + last.size == begin_;
        if (last.id == upstream_.id_ && last.action == UpstreamAction::send && contiguous) {
            last.size += size;
            return;
        }
    }
    out_.upstream.push_back({upstream_.id_, UpstreamAction::send, begin_, size, upstream_.owner_});
}

void Upstream::open(UpstreamId id, bool clean, Outbox& out) {
    id_ = id;
    clean_ = clean;
    phase_ = Phase::opening;
    out.upstream.push_back({id_, UpstreamAction::open, 0, 0, owner_});
}

void Upstream::connect(const mqtt::ConnectRequest& request, TimePoint now, Outbox& out) {
    phase_ = Phase::handshake;
    write(out, [&](mqtt::Client& client, Buffer& wire) { client.connect(request, now, wire); });
}

void Upstream::close() noexcept {
    unanswered_ = unanswered_ || phase_ == Phase::handshake;
    client_.connection_lost();
    phase_ = Phase::closed;
}

void Upstream::disconnect(mqtt::ReasonCode reason, Outbox& out) {
    // Also behind a CONNECT without an answer: the broker may have accepted it, and would publish the will.
    if (phase_ == Phase::ready || phase_ == Phase::handshake) {
        write(out, [&](mqtt::Client& client, Buffer& wire) { client.disconnect(reason, wire); });
    }
    if (phase_ == Phase::ready || phase_ == Phase::handshake || phase_ == Phase::opening) {
        out.upstream.push_back({id_, UpstreamAction::close, 0, 0, owner_});
    }
    close();
}

void Upstream::abort(Outbox& out) {
    if (phase_ == Phase::ready || phase_ == Phase::handshake || phase_ == Phase::opening) {
        out.upstream.push_back({id_, UpstreamAction::abort, 0, 0, owner_});
    }
    close();
}

void Upstream::lost() noexcept {
    close();
}

TimePoint Upstream::back_off(const Timers& timers, Random& random, TimePoint now) {
    const auto doublings = std::min<std::uint16_t>(failures_, 16);
    ++failures_;
    const Duration longest = std::min(timers.upstream_backoff_max, timers.upstream_backoff_min * (1U << doublings));
    // Uniform in the upper half, so that a thousand sessions do not come back in one instant.
    const auto half = std::max<Duration::rep>(longest.count() / 2, 1);
    phase_ = Phase::waiting;
    return now + Duration(half + static_cast<Duration::rep>(random.below(static_cast<std::uint64_t>(half) + 1)));
}

}  // namespace mqttsn::gateway
