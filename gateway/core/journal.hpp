// Tells the store what changed: after each input the touched sessions are compared with what their records hold.
#pragma once

#include "gateway/core/config.hpp"
#include "gateway/core/outbox.hpp"
#include "gateway/core/session.hpp"

namespace mqttsn::gateway {

class Journal {
public:
    explicit Journal(const Config& config) : config_(config) {}

    /// A session that an input touched: emits the records that differ from what is stored.
    void note(Session& session, bool store_failing, Outbox& out);
    void put_message(const Session& session, const TakenMessage& message, Outbox& out);
    void put_delivery(const Session& session, const Delivery& delivery, Outbox& out);
    void erase_delivery(const Session& session, std::uint64_t sequence, Outbox& out);
    void erase_message(const Session& session, std::uint64_t sequence, Outbox& out);
    /// The session is about to be erased: so are its records.
    void forget(const Session& session, Outbox& out);

private:
    const Config& config_;
};

}  // namespace mqttsn::gateway
