// After a restart: sessions come back from their records as if the gateway had never been away (SN12-6.12-f).
#pragma once

#include "gateway/core/core.hpp"

#include <unordered_map>

namespace mqttsn::gateway {

class Restoration {
public:
    /// One record, in the order of their keys: sessions come before what belongs to them. A damaged one is left out,
    /// counted, and erased from the store by finish().
    void add(const RecordKey& key, Bytes image, Core& core);

    /// All records are here. Supervision of active clients starts anew: nobody could be heard meanwhile. Sleeping
    /// clients and kept sessions keep their deadlines; those that passed meanwhile are put off by one tolerance
    /// (SN12-7.2-a). Broker connections are opened one after the other, `limits.reconnects_per_second`.
    void finish(Turn& turn);

private:
    bool add_session(const RecordKey& key, Bytes image, Core& core);
    void resume(Session& session, Turn& turn);

    std::unordered_map<SessionNumber, Session*> by_number_;
    std::vector<RecordKey> damaged_;
    std::size_t reconnecting_ = 0;
};

}  // namespace mqttsn::gateway
