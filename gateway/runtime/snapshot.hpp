// What the status pages show: collected on the loop, between turns, for one request.
#pragma once

#include "gateway/core/gateway.hpp"
#include "gateway/runtime/http_server.hpp"
#include "gateway/runtime/process_usage.hpp"
#include "gateway/runtime/store.hpp"
#include "transports/transport.hpp"

#include <optional>
#include <string>
#include <vector>

namespace mqttsn::gateway {

struct LinkSnapshot {
    std::string name;
    bool up = false;
    transports::LinkCounters counters;
    std::vector<transports::NamedCount> more;  ///< what only this kind of link counts
};

struct StoreSnapshot {
    StoreCounters counters;
    bool takes_records = true;
    std::size_t sessions_waiting = 0;  ///< for the disk
    std::uint64_t frames_dropped = 0;  ///< because too many of a session waited for it
};

struct Snapshot {
    const Gateway& gateway;
    std::string name;
    std::string broker_url;
    std::vector<LinkSnapshot> links;
    std::optional<StoreSnapshot> store;  ///< none: nothing is kept on disk
    DurationHistogram loop_lag;
    HttpCounters http;
};

}  // namespace mqttsn::gateway
